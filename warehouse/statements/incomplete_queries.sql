-- How many queries of files need an API that is not on offer with them, so that their instructions need fewer
SELECT count(DISTINCT split_part(row_id, '.relevant[', 1)) AS n
FROM rejects
WHERE reason = 'relevant_api_not_offered'
