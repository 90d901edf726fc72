-- Which rows of the lake count, which runs are trusted, and which zones were known.
-- What follows needs neither the plan nor exclusions.

-- Runs whose soa rows show more than 16 serials, whatever RSI and address.
CREATE OR REPLACE TEMPORARY VIEW crowded_runs AS
SELECT vantage_point, at_us
FROM (SELECT DISTINCT vantage_point, at_us, serial FROM answers
      WHERE query = 'soa' AND rcode = 'NOERROR' AND serial IS NOT NULL) q
GROUP BY vantage_point, at_us HAVING COUNT(*) > 16;

-- Runs out of the ordinary: late came into the lake after the report was made,
-- untrusted has a clock known to be unsynchronised, came before its own label, or
-- is crowded. A run without a row in runs is neither.
CREATE OR REPLACE TEMPORARY VIEW odd_runs AS
SELECT vantage_point, at_us, MAX(late) AS late, MAX(untrusted) AS untrusted
FROM (SELECT r.vantage_point, r.at_us,
             CASE WHEN r.ingested_at_us IS NULL OR r.ingested_at_us <= p.received_until_us THEN 0 ELSE 1 END AS late,
             CASE WHEN NOT r.clock_synchronized OR r.received_at_us < r.at_us THEN 1 ELSE 0 END AS untrusted
      FROM runs r CROSS JOIN period p
      UNION ALL
      SELECT vantage_point, at_us, 0 AS late, 1 AS untrusted FROM crowded_runs) q
GROUP BY vantage_point, at_us HAVING MAX(late) = 1 OR MAX(untrusted) = 1;

CREATE OR REPLACE TEMPORARY VIEW counted AS
SELECT a.*, CASE WHEN o.untrusted = 1 THEN 0 ELSE 1 END AS trusted
FROM answers a
CROSS JOIN period p
LEFT JOIN odd_runs o ON o.vantage_point = a.vantage_point AND o.at_us = a.at_us
WHERE a.query IN ('soa', 'correctness') AND a.at_us < p.data_until_us AND (o.late IS NULL OR o.late = 0);

CREATE OR REPLACE TEMPORARY VIEW lake_labels AS
SELECT DISTINCT at_us FROM counted;

-- Addresses as rows have them.
CREATE OR REPLACE TEMPORARY VIEW lake_addresses AS
SELECT DISTINCT rsi, family, address FROM counted;

-- Zones as the report knew them: one that came into the archive later was seen at most.
CREATE OR REPLACE TEMPORARY VIEW known_zones AS
SELECT serial, CASE WHEN late = 1 AND state = 'archived' THEN 'seen' ELSE state END AS state,
       CASE WHEN late = 0 THEN archived_at_us END AS archived_at_us, signed_at_us, first_used_us
FROM (SELECT z.*, CASE WHEN z.archived_at_us IS NULL OR z.archived_at_us <= p.archived_until_us THEN 0 ELSE 1 END AS late
      FROM zones z CROSS JOIN period p) q;
