-- The plan, in spans of labels within which nothing of it changes: dates of vantage
-- points and addresses, and exclusions, hold for labels at or after their start and
-- before their end. So slots are counted by arithmetic: a span's labels times what
-- is planned at each of them.

-- Where a span may begin, rounded up to a label.
CREATE OR REPLACE TEMPORARY VIEW boundaries AS
SELECT DISTINCT us + MOD(300000000 - MOD(us, 300000000), 300000000) AS at_us
FROM (SELECT from_us AS us FROM period
      UNION ALL SELECT LEAST(until_us, data_until_us) FROM period
      UNION ALL SELECT data_until_us FROM period
      UNION ALL SELECT MIN(at_us) FROM lake_labels
      UNION ALL SELECT from_us FROM vantage_points
      UNION ALL SELECT until_us FROM vantage_points
      UNION ALL SELECT from_us FROM rsi_addresses
      UNION ALL SELECT until_us FROM rsi_addresses
      UNION ALL SELECT from_us FROM exclusions
      UNION ALL SELECT until_us FROM exclusions) q
WHERE us IS NOT NULL;

CREATE OR REPLACE TEMPORARY VIEW spans AS
SELECT q.at_us AS span, q.end_us, CAST((q.end_us - q.at_us) / 300000000 AS BIGINT) AS labels,
       CASE WHEN q.at_us >= p.from_us AND q.at_us < p.until_us THEN 1 ELSE 0 END AS in_period
FROM (SELECT at_us, LEAD(at_us) OVER (ORDER BY at_us) AS end_us FROM boundaries) q
CROSS JOIN period p
CROSS JOIN (SELECT MIN(at_us) AS at_us FROM lake_labels) l
WHERE q.at_us >= LEAST(p.from_us, COALESCE(l.at_us, p.from_us)) AND q.at_us < p.data_until_us AND q.end_us IS NOT NULL;

CREATE OR REPLACE TEMPORARY VIEW labels AS
SELECT l.at_us, s.span, s.in_period
FROM lake_labels l JOIN spans s ON l.at_us >= s.span AND l.at_us < s.end_us
WHERE MOD(l.at_us, 300000000) = 0;

-- Addresses in one form: IPv6 as eight groups of four digits.
CREATE OR REPLACE TEMPORARY VIEW canonical AS
SELECT address, CASE WHEN address NOT LIKE '%:%' THEN address ELSE
       CONCAT(LPAD(SPLIT_PART(whole, ':', 1), 4, '0'), LPAD(SPLIT_PART(whole, ':', 2), 4, '0'),
              LPAD(SPLIT_PART(whole, ':', 3), 4, '0'), LPAD(SPLIT_PART(whole, ':', 4), 4, '0'),
              LPAD(SPLIT_PART(whole, ':', 5), 4, '0'), LPAD(SPLIT_PART(whole, ':', 6), 4, '0'),
              LPAD(SPLIT_PART(whole, ':', 7), 4, '0'), LPAD(SPLIT_PART(whole, ':', 8), 4, '0')) END AS canonical
FROM (SELECT address, CASE WHEN edged NOT LIKE '%::%' THEN edged ELSE
             REPLACE(edged, '::', CONCAT(':', REPEAT('0:', 8 - (LENGTH(edged) - LENGTH(REPLACE(edged, ':', '')))))) END AS whole
      FROM (SELECT address, CONCAT(CASE WHEN address LIKE '::%' THEN '0' ELSE '' END, LOWER(address),
                                   CASE WHEN address LIKE '%::' THEN '0' ELSE '' END) AS edged
            FROM (SELECT address FROM lake_addresses UNION SELECT address FROM rsi_addresses) a) b) c;

CREATE OR REPLACE TEMPORARY VIEW addresses_at AS
SELECT DISTINCT s.span, a.rsi, a.family, c.canonical
FROM spans s
JOIN rsi_addresses a ON (a.from_us IS NULL OR a.from_us <= s.span) AND (a.until_us IS NULL OR s.span < a.until_us)
JOIN canonical c ON c.address = a.address;

-- Addresses of the plan as rows write them.
CREATE OR REPLACE TEMPORARY VIEW planned_addresses AS
SELECT DISTINCT a.span, l.rsi, l.family, l.address
FROM lake_addresses l
JOIN canonical c ON c.address = l.address
JOIN addresses_at a ON a.rsi = l.rsi AND a.family = l.family AND a.canonical = c.canonical;

-- n is the RSIs with any address; k = max(1, ceil(2(n - 1) / 3)), which is floor(2n / 3).
CREATE OR REPLACE TEMPORARY VIEW frames AS
SELECT span, end_us, in_period, n, GREATEST(1, CAST((2 * n - MOD(2 * n, 3)) / 3 AS BIGINT)) AS k
FROM (SELECT s.span, s.end_us, s.in_period, COUNT(DISTINCT a.rsi) AS n
      FROM spans s LEFT JOIN addresses_at a ON a.span = s.span
      GROUP BY s.span, s.end_us, s.in_period) q;

CREATE OR REPLACE TEMPORARY VIEW paths AS
SELECT 'ipv4' AS family, 'udp' AS transport UNION ALL SELECT 'ipv4', 'tcp'
UNION ALL SELECT 'ipv6', 'udp' UNION ALL SELECT 'ipv6', 'tcp';

-- Every path of each vantage point to each RSI of the frame: planned where the RSI
-- has an address of the family, rss where no exclusion without RSIs takes it out,
-- rsi where none at all does.
CREATE OR REPLACE TEMPORARY VIEW places AS
SELECT s.span, s.labels, s.in_period, s.vantage_point, s.rsi, s.family, s.transport, s.planned,
       MIN(CASE WHEN x.span IS NOT NULL AND x.rsi IS NULL THEN 0 ELSE 1 END) AS rss,
       MIN(CASE WHEN x.span IS NOT NULL THEN 0 ELSE 1 END) AS rsi_too
FROM (SELECT s.span, s.labels, s.in_period, v.id AS vantage_point, a.rsi, t.family, t.transport,
             MAX(CASE WHEN a.family = t.family THEN 1 ELSE 0 END) AS planned
      FROM spans s
      JOIN vantage_points v ON (v.from_us IS NULL OR v.from_us <= s.span) AND (v.until_us IS NULL OR s.span < v.until_us)
      JOIN addresses_at a ON a.span = s.span
      CROSS JOIN paths t
      GROUP BY s.span, s.labels, s.in_period, v.id, a.rsi, t.family, t.transport) s
LEFT JOIN (SELECT s.span, x.vantage_point, x.rsi, x.family, x.transport
           FROM spans s JOIN exclusions x ON x.from_us <= s.span AND s.span < x.until_us) x
       ON x.span = s.span AND (x.vantage_point IS NULL OR x.vantage_point = s.vantage_point)
      AND (x.rsi IS NULL OR x.rsi = s.rsi)
      AND (x.family IS NULL OR (x.family = s.family AND x.transport = s.transport))
GROUP BY s.span, s.labels, s.in_period, s.vantage_point, s.rsi, s.family, s.transport, s.planned;

-- The same for the two levels of exclusions: metrics of the RSS, and of an RSI.
CREATE OR REPLACE TEMPORARY VIEW soa_plan AS
SELECT 'rss' AS level, span, labels, in_period, vantage_point, rsi, family, transport FROM places WHERE planned = 1 AND rss = 1
UNION ALL
SELECT 'rsi', span, labels, in_period, vantage_point, rsi, family, transport FROM places WHERE planned = 1 AND rsi_too = 1;

-- RSS cells of one label: how many RSIs are planned, and how many of them the system needs.
CREATE OR REPLACE TEMPORARY VIEW cell_plan AS
SELECT c.span, c.labels, c.vantage_point, c.family, c.transport, c.planned, LEAST(f.k, c.planned) AS k
FROM (SELECT span, labels, vantage_point, family, transport, COUNT(*) AS planned
      FROM soa_plan WHERE level = 'rss' AND in_period = 1
      GROUP BY span, labels, vantage_point, family, transport) c
JOIN frames f ON f.span = c.span;
