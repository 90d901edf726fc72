-- Spark: views of the lake and of a report's settings, the same as every engine's.
-- $LAKE is the folder that holds answers/, $REPORT a full.json or report.json.
SET TIME ZONE 'UTC';

CREATE OR REPLACE TEMPORARY VIEW report (`from` TIMESTAMP, `until` TIMESTAMP, data_until TIMESTAMP, n BIGINT, k BIGINT,
  rsis ARRAY<STRUCT<rsi: STRING>>,
  vantage_points ARRAY<STRUCT<id: STRING, `from`: TIMESTAMP, `until`: TIMESTAMP>>,
  exclusions ARRAY<STRUCT<`from`: TIMESTAMP, `until`: TIMESTAMP, vantage_points: ARRAY<STRING>, rsis: ARRAY<STRING>, paths: ARRAY<STRING>>>)
USING json OPTIONS (path '$REPORT', multiLine 'true');

CREATE OR REPLACE TEMPORARY VIEW period AS
SELECT unix_micros(`from`) AS from_us, unix_micros(`until`) AS until_us, unix_micros(data_until) AS data_until_us, n, k FROM report;

CREATE OR REPLACE TEMPORARY VIEW rsis AS
SELECT r.rsi AS rsi FROM (SELECT explode(rsis) AS r FROM report);

CREATE OR REPLACE TEMPORARY VIEW vantage_points AS
SELECT v.id AS id, unix_micros(v.`from`) AS from_us, unix_micros(v.`until`) AS until_us
FROM (SELECT explode(vantage_points) AS v FROM report);

-- One row for each place an exclusion names; null is every place.
CREATE OR REPLACE TEMPORARY VIEW exclusions AS
SELECT from_us, until_us, vantage_point, rsi, split(path, '/')[0] AS family, split(path, '/')[1] AS transport
FROM (SELECT from_us, until_us, vantage_point, rsi, explode_outer(paths) AS path
      FROM (SELECT from_us, until_us, vantage_point, paths, explode_outer(rsis) AS rsi
            FROM (SELECT unix_micros(x.`from`) AS from_us, unix_micros(x.`until`) AS until_us, x.rsis AS rsis, x.paths AS paths,
                         explode_outer(x.vantage_points) AS vantage_point
                  FROM (SELECT explode(exclusions) AS x FROM report))));

CREATE OR REPLACE TEMPORARY VIEW lake_answers USING parquet OPTIONS (path '$LAKE/answers');

CREATE OR REPLACE TEMPORARY VIEW answers AS
SELECT unix_micros(`interval`) AS at_us, vantage_point, query, rsi, family, transport, outcome, latency_us, rcode, tc, serial, verdict
FROM lake_answers;

CREATE OR REPLACE TEMPORARY VIEW lake_zones USING parquet OPTIONS (path '$LAKE/zones/zones.parquet');

CREATE OR REPLACE TEMPORARY VIEW zones AS
SELECT serial, state, unix_micros(first_seen) AS first_seen_us FROM lake_zones;
