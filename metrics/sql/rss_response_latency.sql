-- RSS response latency [bom] [jbr]: the k lowest latencies of each cell that lacks
-- nothing, or has k good answers; pooled, one median in µs over 1 or 2. Where little
-- was sent every planned cell counts twice over: what is missing is fast, and slow.
SELECT NULL AS rsi, c.family, c.transport, m.numerator, m.denominator, COALESCE(m.count, 0) AS count, FALSE AS censored,
       CASE WHEN m.numerator IS NULL THEN 'no_data'
            WHEN m.numerator > t.threshold * 1000 * m.denominator
            THEN CASE WHEN c.thin = 0 OR s.best_slow > s.best_fast + p.whole - s.whole THEN 'fail' ELSE 'no_data' END
            ELSE CASE WHEN c.thin = 0 OR s.worst_fast > s.worst_slow + p.whole - s.whole THEN 'pass' ELSE 'no_data' END END AS verdict,
       c.thin, c.planned, c.sent
FROM rss_counts c
JOIN thresholds t ON t.metric = 'rss_response_latency' AND t.transport = c.transport
LEFT JOIN (SELECT family, transport, SUM(labels * k) AS whole FROM cell_plan GROUP BY family, transport) p
       ON p.family = c.family AND p.transport = c.transport
LEFT JOIN (SELECT family, transport, SUM(k) AS whole,
                  SUM(LEAST(k, fast + u)) AS best_fast, SUM(LEAST(k - LEAST(k, fast + u), slow)) AS best_slow,
                  SUM(LEAST(k, fast)) AS worst_fast,
                  SUM(LEAST(k, good) - LEAST(k, fast) + LEAST(u, k - LEAST(k, good))) AS worst_slow
           FROM cells GROUP BY family, transport) s
       ON s.family = c.family AND s.transport = c.transport
LEFT JOIN (SELECT family, transport, SUM(latency_us) AS numerator, COUNT(*) AS denominator, MAX(c) AS count
           FROM (SELECT family, transport, latency_us,
                        ROW_NUMBER() OVER (PARTITION BY family, transport ORDER BY latency_us) AS n,
                        COUNT(*) OVER (PARTITION BY family, transport) AS c
                 FROM (SELECT s.family, s.transport, s.latency_us, e.k,
                              ROW_NUMBER() OVER (PARTITION BY s.at_us, s.vantage_point, s.family, s.transport ORDER BY s.latency_us) AS place
                       FROM soa s
                       JOIN cells e ON e.at_us = s.at_us AND e.vantage_point = s.vantage_point AND e.family = s.family AND e.transport = s.transport
                       WHERE s.state = 'good' AND (e.u = 0 OR e.good >= e.k)) l
                 WHERE place <= k) q
           WHERE 2 * n >= c AND 2 * n <= c + 2
           GROUP BY family, transport) m ON m.family = c.family AND m.transport = c.transport
