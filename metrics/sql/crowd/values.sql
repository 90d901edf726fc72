-- One value a probe, the median of each network, then quantiles of networks. A median is the mean of the lower and the
-- upper one; to stay whole, that of hours is kept twice, that of probes four times, that of networks eight times.

CREATE OR REPLACE TEMPORARY VIEW kept AS
SELECT * FROM queries WHERE not_working + no_network + intercepted = 0;

-- Counts of each hour, and the median of its latencies, which is null where nothing was answered well. Of n values in order
-- number r is one of the middle where 2r is n, n + 1 or n + 2; of odd n it is the only one.
CREATE OR REPLACE TEMPORARY VIEW crowd_hours AS
SELECT vantage_point, network, region, rsi, family, transport, hour_us, COUNT(*) AS asked, SUM(good) AS good,
       SUM(CASE WHEN good = 0 THEN NULL WHEN 2 * r = n + 1 THEN 2 * latency_us WHEN 2 * r IN (n, n + 2) THEN latency_us ELSE 0 END) AS latency_2
FROM (SELECT vantage_point, network, region, rsi, family, transport, hour_us, good, latency_us,
             ROW_NUMBER() OVER (PARTITION BY vantage_point, network, region, rsi, family, transport, hour_us, good ORDER BY latency_us) AS r,
             COUNT(*) OVER (PARTITION BY vantage_point, network, region, rsi, family, transport, hour_us, good) AS n
      FROM kept) q
GROUP BY vantage_point, network, region, rsi, family, transport, hour_us;

CREATE OR REPLACE TEMPORARY VIEW probe_latencies AS
SELECT vantage_point, network, region, rsi, family, transport,
       SUM(CASE WHEN 2 * r = n + 1 THEN 2 * latency_2 WHEN 2 * r IN (n, n + 2) THEN latency_2 ELSE 0 END) AS latency_4
FROM (SELECT vantage_point, network, region, rsi, family, transport, latency_2,
             ROW_NUMBER() OVER (PARTITION BY vantage_point, network, region, rsi, family, transport ORDER BY latency_2) AS r,
             COUNT(*) OVER (PARTITION BY vantage_point, network, region, rsi, family, transport) AS n
      FROM crowd_hours WHERE latency_2 IS NOT NULL) q
GROUP BY vantage_point, network, region, rsi, family, transport;

-- A probe's availability is parts per million, rounded down.
CREATE OR REPLACE TEMPORARY VIEW probe_counts AS
SELECT vantage_point, network, region, rsi, family, transport, SUM(asked) AS asked, SUM(good) AS good,
       CAST(FLOOR(CAST(SUM(good) AS DECIMAL(18,0)) * 1000000 / SUM(asked)) AS BIGINT) AS ppm
FROM crowd_hours GROUP BY vantage_point, network, region, rsi, family, transport;

-- Of each region, and of all ('*').
CREATE OR REPLACE TEMPORARY VIEW probe_values AS
SELECT c.vantage_point, c.network, w.scope, c.rsi, c.family, c.transport, c.asked, c.good, c.ppm, l.latency_4
FROM probe_counts c
LEFT JOIN probe_latencies l ON l.vantage_point = c.vantage_point AND l.network = c.network AND l.region = c.region
     AND l.rsi = c.rsi AND l.family = c.family AND l.transport = c.transport
JOIN (SELECT DISTINCT region, region AS scope FROM probe_counts UNION SELECT DISTINCT region, '*' AS scope FROM probe_counts) w ON w.region = c.region;

CREATE OR REPLACE TEMPORARY VIEW network_latencies AS
SELECT network, scope, rsi, family, transport,
       SUM(CASE WHEN 2 * r = n + 1 THEN 2 * latency_4 WHEN 2 * r IN (n, n + 2) THEN latency_4 ELSE 0 END) AS latency_8
FROM (SELECT network, scope, rsi, family, transport, latency_4,
             ROW_NUMBER() OVER (PARTITION BY network, scope, rsi, family, transport ORDER BY latency_4) AS r,
             COUNT(*) OVER (PARTITION BY network, scope, rsi, family, transport) AS n
      FROM probe_values WHERE latency_4 IS NOT NULL) q
GROUP BY network, scope, rsi, family, transport;

CREATE OR REPLACE TEMPORARY VIEW network_counts AS
SELECT network, scope, rsi, family, transport,
       SUM(CASE WHEN 2 * r = n + 1 THEN 2 * ppm WHEN 2 * r IN (n, n + 2) THEN ppm ELSE 0 END) AS ppm_2
FROM (SELECT network, scope, rsi, family, transport, ppm,
             ROW_NUMBER() OVER (PARTITION BY network, scope, rsi, family, transport ORDER BY ppm) AS r,
             COUNT(*) OVER (PARTITION BY network, scope, rsi, family, transport) AS n
      FROM probe_values) q
GROUP BY network, scope, rsi, family, transport;
