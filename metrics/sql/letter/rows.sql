-- Which rows count. Those of vantage points that are expected, within their dates,
-- and of the plan's RSIs; of the period, its look-back (a day) and its look-ahead (a week).
CREATE OR REPLACE TEMPORARY VIEW expected AS
SELECT a.*
FROM answers a
JOIN vantage_points v ON v.id = a.vantage_point
JOIN rsis r ON r.rsi = a.rsi
CROSS JOIN period p
WHERE (v.from_us IS NULL OR a.at_us >= v.from_us) AND (v.until_us IS NULL OR a.at_us < v.until_us)
  AND a.at_us >= p.from_us - 86400000000 AND a.at_us < p.data_until_us AND a.at_us < p.until_us + 7 * 86400000000;

-- Exclusions without RSIs take rows out of every metric, those with RSIs out of
-- these RSIs' metrics only.
CREATE OR REPLACE TEMPORARY VIEW system_rows AS
SELECT a.* FROM expected a
WHERE NOT EXISTS (SELECT 1 FROM exclusions x
  WHERE x.rsi IS NULL AND a.at_us >= x.from_us AND a.at_us < x.until_us
    AND (x.vantage_point IS NULL OR x.vantage_point = a.vantage_point)
    AND (x.family IS NULL OR (x.family = a.family AND x.transport = a.transport)));

CREATE OR REPLACE TEMPORARY VIEW rsi_rows AS
SELECT a.* FROM system_rows a
WHERE NOT EXISTS (SELECT 1 FROM exclusions x
  WHERE x.rsi = a.rsi AND a.at_us >= x.from_us AND a.at_us < x.until_us
    AND (x.vantage_point IS NULL OR x.vantage_point = a.vantage_point)
    AND (x.family IS NULL OR (x.family = a.family AND x.transport = a.transport)));

-- SOA queries that were sent: good is NOERROR, whole within four seconds [yve] [ywz].
CREATE OR REPLACE TEMPORARY VIEW rsi_soa AS
SELECT at_us, vantage_point, rsi, family, transport, latency_us, serial,
       CASE WHEN outcome = 'answered' AND rcode = 'NOERROR' AND latency_us <= 4000000 THEN 1 ELSE 0 END AS good
FROM rsi_rows WHERE query = 'soa' AND outcome <> 'local_error';

CREATE OR REPLACE TEMPORARY VIEW system_soa AS
SELECT at_us, vantage_point, rsi, family, transport, latency_us, serial,
       CASE WHEN outcome = 'answered' AND rcode = 'NOERROR' AND latency_us <= 4000000 THEN 1 ELSE 0 END AS good
FROM system_rows WHERE query = 'soa' AND outcome <> 'local_error';

-- One row for each VP-interval and path that RSS metrics count: all RSIs asked, or
-- k of them good without the others (reading A6).
CREATE OR REPLACE TEMPORARY VIEW system_intervals AS
SELECT s.at_us, s.vantage_point, s.family, s.transport, COUNT(*) AS asked, SUM(s.good) AS reached
FROM system_soa s CROSS JOIN period p
WHERE s.at_us >= p.from_us AND s.at_us < p.until_us
GROUP BY s.at_us, s.vantage_point, s.family, s.transport
HAVING COUNT(*) = MAX(p.n) OR SUM(s.good) >= MAX(p.k);
