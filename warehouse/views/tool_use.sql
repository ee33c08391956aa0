-- Grain: the searches of a method by a model, as they were made, in a scenario
SELECT
    annotations.method,
    annotations.model,
    annotations.rules AS search_rules,
    annotations.offer,
    instructions.scenario,
    count(*) AS n_searches,
    avg(selection_precision) AS selection_precision,
    avg(selection_recall) AS selection_recall,
    avg(selection_f1) AS selection_f1,
    avg(answer_steps.n_calls) AS mean_calls,
    avg(n_failed) AS mean_failed,
    avg(n_repeated) AS mean_repeated,
    count(recovered) AS n_met_errors,
    avg(recovered::INTEGER) AS recovered
FROM answer_steps
JOIN annotations USING (annotation_id)
LEFT JOIN instructions ON instructions.instruction_id = annotations.instruction_id
GROUP BY ALL;

COMMENT ON COLUMN tool_use.method IS 'How it was searched; e.g. dfsdt';
COMMENT ON COLUMN tool_use.model IS 'Who searched; e.g. gpt-4o-mini';
COMMENT ON COLUMN tool_use.search_rules IS 'Rules of the search; e.g. toolloom';
COMMENT ON COLUMN tool_use.offer IS 'Which APIs the search was offered; e.g. sampled';
COMMENT ON COLUMN tool_use.scenario IS 'G1, G2 or G3; e.g. G1';
COMMENT ON COLUMN tool_use.n_searches IS 'How many searches';
COMMENT ON COLUMN tool_use.selection_precision IS 'Of the APIs that a search called, the share that the instruction needs, on average; e.g. 0.91';
COMMENT ON COLUMN tool_use.selection_recall IS 'Of the APIs that an instruction needs, the share that was called, on average; e.g. 0.87';
COMMENT ON COLUMN tool_use.selection_f1 IS 'Harmonic mean of both, on average; e.g. 0.89';
COMMENT ON COLUMN tool_use.mean_calls IS 'Calls of a search, branches that were left among them; e.g. 3.1';
COMMENT ON COLUMN tool_use.mean_failed IS 'Of these, calls that brought nothing; e.g. 0.2';
COMMENT ON COLUMN tool_use.mean_repeated IS 'Of these, calls that had been made before; e.g. 0.1';
COMMENT ON COLUMN tool_use.n_met_errors IS 'Searches in which a call failed';
COMMENT ON COLUMN tool_use.recovered IS 'Share of these in which a later call succeeded and that ended in an answer; e.g. 0.8';
