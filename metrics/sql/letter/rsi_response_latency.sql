-- RSI response latency [mzx]: the median of good answers, in µs over 1 or 2. Of c
-- values in order those with 2n from c to c + 2 are the one or two in the middle.
SELECT rsi, family, transport, SUM(latency_us) AS numerator, COUNT(*) AS denominator, MAX(c) AS count
FROM (SELECT s.rsi, s.family, s.transport, s.latency_us,
             ROW_NUMBER() OVER (PARTITION BY s.rsi, s.family, s.transport ORDER BY s.latency_us) AS n,
             COUNT(*) OVER (PARTITION BY s.rsi, s.family, s.transport) AS c
      FROM rsi_soa s CROSS JOIN period p
      WHERE s.good = 1 AND s.at_us >= p.from_us AND s.at_us < p.until_us) q
WHERE 2 * n >= c AND 2 * n <= c + 2
GROUP BY rsi, family, transport
