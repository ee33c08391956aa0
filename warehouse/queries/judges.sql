-- How far each judge can be trusted: votes that agree, minds changed with the order of a pair
FROM judge_health
ORDER BY judge
