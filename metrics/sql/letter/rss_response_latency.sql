-- RSS response latency [bom] [jbr]: the k lowest latencies of each VP-interval,
-- pooled; one median in µs over 1 or 2.
SELECT NULL AS rsi, family, transport, SUM(latency_us) AS numerator, COUNT(*) AS denominator, MAX(c) AS count
FROM (SELECT l.family, l.transport, l.latency_us,
             ROW_NUMBER() OVER (PARTITION BY l.family, l.transport ORDER BY l.latency_us) AS n,
             COUNT(*) OVER (PARTITION BY l.family, l.transport) AS c
      FROM (SELECT s.family, s.transport, s.latency_us,
                   ROW_NUMBER() OVER (PARTITION BY s.at_us, s.vantage_point, s.family, s.transport ORDER BY s.latency_us) AS place
            FROM system_soa s
            JOIN system_intervals i ON i.at_us = s.at_us AND i.vantage_point = s.vantage_point
             AND i.family = s.family AND i.transport = s.transport
            WHERE s.good = 1) l
      CROSS JOIN period p WHERE l.place <= p.k) q
WHERE 2 * n >= c AND 2 * n <= c + 2
GROUP BY family, transport
