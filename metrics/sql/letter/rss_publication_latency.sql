-- RSS publication latency [dbo] [zgb]: the median of all RSIs' waits, pooled.
SELECT NULL AS rsi, NULL AS family, NULL AS transport,
       CASE WHEN COUNT(minutes) = COUNT(*) THEN SUM(minutes) END AS numerator,
       CASE WHEN COUNT(minutes) = COUNT(*) THEN COUNT(*) END AS denominator, MAX(c) AS count
FROM (SELECT minutes, COUNT(*) OVER () AS c,
             ROW_NUMBER() OVER (ORDER BY CASE WHEN minutes IS NULL THEN 1 ELSE 0 END, minutes) AS n
      FROM system_waits) q
WHERE 2 * n >= c AND 2 * n <= c + 2
HAVING COUNT(*) > 0
