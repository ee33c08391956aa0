-- Grain: an answer, and a judge or a person who said something of it; what was decided by rule no judge said
SELECT annotation_id, 'judge' AS kind, judge AS rater, label
FROM judged_answers
WHERE rules = 'toolloom' AND NOT by_rule
UNION ALL
SELECT annotation_id, 'person', person, label
FROM labels;

COMMENT ON COLUMN ratings.annotation_id IS 'The search whose answer it is';
COMMENT ON COLUMN ratings.kind IS 'judge or person; e.g. person';
COMMENT ON COLUMN ratings.rater IS 'The model or the person; e.g. gpt-4o';
COMMENT ON COLUMN ratings.label IS 'Solved, Unsure or Unsolved; of a judge, what most of its votes say';
