-- RSI response latency [mzx]: the median of good answers, in µs over 1 or 2. Of c
-- values in order those with 2n from c to c + 2 are the one or two in the middle. Where
-- little was sent, what is missing must not be able to turn the verdict.
SELECT c.rsi, c.family, c.transport, m.numerator, m.denominator, c.good AS count, FALSE AS censored,
       CASE WHEN m.numerator IS NULL THEN 'no_data'
            WHEN m.numerator > t.threshold * 1000 * m.denominator
            THEN CASE WHEN c.thin = 0 OR c.good - f.fast > f.fast + c.planned - c.sent THEN 'fail' ELSE 'no_data' END
            ELSE CASE WHEN c.thin = 0 OR f.fast > c.good - f.fast + c.planned - c.sent THEN 'pass' ELSE 'no_data' END END AS verdict,
       c.thin, c.planned, c.sent
FROM rsi_counts c
JOIN thresholds t ON t.metric = 'rsi_response_latency' AND t.transport = c.transport
LEFT JOIN rsi_fast f ON f.rsi = c.rsi AND f.family = c.family AND f.transport = c.transport
LEFT JOIN (SELECT rsi, family, transport, SUM(latency_us) AS numerator, COUNT(*) AS denominator
           FROM (SELECT rsi, family, transport, latency_us,
                        ROW_NUMBER() OVER (PARTITION BY rsi, family, transport ORDER BY latency_us) AS n,
                        COUNT(*) OVER (PARTITION BY rsi, family, transport) AS c
                 FROM soa WHERE state = 'good' AND in_period = 1 AND rsi_too = 1) q
           WHERE 2 * n >= c AND 2 * n <= c + 2
           GROUP BY rsi, family, transport) m ON m.rsi = c.rsi AND m.family = c.family AND m.transport = c.transport
