-- A path in each region: availability is the mean of networks, in parts per million; latencies are µs, p10 and p90 those of
-- the first network that as many are not above. All are rounded down.
SELECT c.scope AS region, c.rsi, c.family, c.transport, p.probes, c.networks, p.asked, p.good, c.availability_ppm, l.p10_us, l.median_us, l.p90_us
FROM (SELECT scope, rsi, family, transport, COUNT(*) AS networks, CAST(FLOOR(CAST(SUM(ppm_2) AS DECIMAL(18,0)) / (2 * COUNT(*))) AS BIGINT) AS availability_ppm
      FROM network_counts GROUP BY scope, rsi, family, transport) c
JOIN (SELECT scope, rsi, family, transport, COUNT(DISTINCT vantage_point) AS probes, SUM(asked) AS asked, SUM(good) AS good
      FROM probe_values GROUP BY scope, rsi, family, transport) p
  ON p.scope = c.scope AND p.rsi = c.rsi AND p.family = c.family AND p.transport = c.transport
LEFT JOIN (SELECT scope, rsi, family, transport,
                  CAST(FLOOR(CAST(MIN(CASE WHEN 10 * r >= n THEN latency_8 END) AS DECIMAL(18,0)) / 8) AS BIGINT) AS p10_us,
                  CAST(FLOOR(CAST(SUM(CASE WHEN 2 * r = n + 1 THEN 2 * latency_8 WHEN 2 * r IN (n, n + 2) THEN latency_8 ELSE 0 END)
                                  AS DECIMAL(18,0)) / 16) AS BIGINT) AS median_us,
                  CAST(FLOOR(CAST(MIN(CASE WHEN 10 * r >= 9 * n THEN latency_8 END) AS DECIMAL(18,0)) / 8) AS BIGINT) AS p90_us
           FROM (SELECT scope, rsi, family, transport, latency_8,
                        ROW_NUMBER() OVER (PARTITION BY scope, rsi, family, transport ORDER BY latency_8) AS r,
                        COUNT(*) OVER (PARTITION BY scope, rsi, family, transport) AS n
                 FROM network_latencies) q
           GROUP BY scope, rsi, family, transport) l
  ON l.scope = c.scope AND l.rsi = c.rsi AND l.family = c.family AND l.transport = c.transport
ORDER BY region, c.rsi, c.family, c.transport
