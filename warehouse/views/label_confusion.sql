-- Grain: two raters of the same answers, and a label of each
SELECT
    one.kind,
    one.rater,
    other.kind AS other_kind,
    other.rater AS other,
    one.label,
    other.label AS other_label,
    count(*) AS n
FROM ratings AS one
JOIN ratings AS other USING (annotation_id)
WHERE (one.kind, one.rater) < (other.kind, other.rater)
GROUP BY ALL;

COMMENT ON COLUMN label_confusion.kind IS 'Of the first rater: judge or person; e.g. judge';
COMMENT ON COLUMN label_confusion.rater IS 'The first rater; e.g. gpt-4o';
COMMENT ON COLUMN label_confusion.other_kind IS 'Of the second rater; e.g. person';
COMMENT ON COLUMN label_confusion.other IS 'The second rater; e.g. ada';
COMMENT ON COLUMN label_confusion.label IS 'What the first one says; e.g. Solved';
COMMENT ON COLUMN label_confusion.other_label IS 'What the second one says; e.g. Unsolved';
COMMENT ON COLUMN label_confusion.n IS 'Answers of which they say so';
