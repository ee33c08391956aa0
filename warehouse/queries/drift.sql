-- APIs whose answers changed shape since the time before
SELECT
    api_id,
    lost,
    gained,
    changed,
    same_arguments,
    strftime(answered_before AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS answered_before_utc,
    strftime(answered_now AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M') AS answered_now_utc
FROM api_drift
WHERE drifted
ORDER BY answered_now DESC, api_id
