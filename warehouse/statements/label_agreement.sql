-- How far raters agree, where one of them is a person
SELECT rater, other, n_answers, agreed, kappa
FROM label_agreement
WHERE other_kind = 'person'
ORDER BY kind, rater, other_kind, other
