-- RSI publication latency [yzp]: the median wait in minutes over 1 or 2; a wait that
-- never ended sorts after all others, and a median among these has no value [P4].
SELECT rsi, NULL AS family, NULL AS transport,
       CASE WHEN COUNT(minutes) = COUNT(*) THEN SUM(minutes) END AS numerator,
       CASE WHEN COUNT(minutes) = COUNT(*) THEN COUNT(*) END AS denominator, MAX(c) AS count
FROM (SELECT rsi, minutes, COUNT(*) OVER (PARTITION BY rsi) AS c,
             ROW_NUMBER() OVER (PARTITION BY rsi ORDER BY CASE WHEN minutes IS NULL THEN 1 ELSE 0 END, minutes) AS n
      FROM rsi_waits) q
WHERE 2 * n >= c AND 2 * n <= c + 2
GROUP BY rsi
