-- Spark: views of the lake and of a report's settings, the same as every engine's.
-- $LAKE is the folder that holds answers/, $REPORT a full.json, $WITHOUT the vantage
-- point to leave out, or nothing.
SET TIME ZONE 'UTC';

CREATE OR REPLACE TEMPORARY VIEW report (`from` TIMESTAMP, `until` TIMESTAMP, data_until TIMESTAMP, received_until TIMESTAMP,
  archived_until TIMESTAMP, n BIGINT, k BIGINT,
  accepted ARRAY<BIGINT>,
  rsis ARRAY<STRUCT<rsi: STRING, addresses: ARRAY<STRUCT<family: STRING, address: STRING, `from`: TIMESTAMP, `until`: TIMESTAMP>>>>,
  vantage_points ARRAY<STRUCT<id: STRING, `from`: TIMESTAMP, `until`: TIMESTAMP>>,
  other_vantage_points ARRAY<STRUCT<id: STRING, `from`: TIMESTAMP, `until`: TIMESTAMP>>,
  exclusions ARRAY<STRUCT<`from`: TIMESTAMP, `until`: TIMESTAMP, vantage_points: ARRAY<STRING>, rsis: ARRAY<STRING>, paths: ARRAY<STRING>>>,
  `values` ARRAY<STRUCT<metric: STRING, transport: STRING, threshold: DECIMAL(18,9)>>)
USING json OPTIONS (path '$REPORT', multiLine 'true');

CREATE OR REPLACE TEMPORARY VIEW period AS
SELECT unix_micros(`from`) AS from_us, unix_micros(`until`) AS until_us, unix_micros(data_until) AS data_until_us,
       unix_micros(received_until) AS received_until_us, unix_micros(archived_until) AS archived_until_us, n, k FROM report;

CREATE OR REPLACE TEMPORARY VIEW rsis AS
SELECT r.rsi AS rsi FROM (SELECT explode(rsis) AS r FROM report);

CREATE OR REPLACE TEMPORARY VIEW rsi_addresses AS
SELECT rsi, a.family AS family, a.address AS address, unix_micros(a.`from`) AS from_us, unix_micros(a.`until`) AS until_us
FROM (SELECT r.rsi AS rsi, explode(r.addresses) AS a FROM (SELECT explode(rsis) AS r FROM report));

-- Those whose dates lie outside the period bear out when serials were published.
CREATE OR REPLACE TEMPORARY VIEW vantage_points AS
SELECT v.id AS id, unix_micros(v.`from`) AS from_us, unix_micros(v.`until`) AS until_us
FROM (SELECT explode(vantage_points) AS v FROM report
      UNION ALL SELECT explode(other_vantage_points) AS v FROM report) WHERE v.id <> '$WITHOUT';

-- One row for each place an exclusion names; null is every place.
CREATE OR REPLACE TEMPORARY VIEW exclusions AS
SELECT from_us, until_us, vantage_point, rsi, split(path, '/')[0] AS family, split(path, '/')[1] AS transport
FROM (SELECT from_us, until_us, vantage_point, rsi, explode_outer(paths) AS path
      FROM (SELECT from_us, until_us, vantage_point, paths, explode_outer(rsis) AS rsi
            FROM (SELECT unix_micros(x.`from`) AS from_us, unix_micros(x.`until`) AS until_us, x.rsis AS rsis, x.paths AS paths,
                         explode_outer(x.vantage_points) AS vantage_point
                  FROM (SELECT explode(exclusions) AS x FROM report))));

-- In the metric's unit: percent, milliseconds, minutes.
CREATE OR REPLACE TEMPORARY VIEW thresholds AS
SELECT DISTINCT v.metric AS metric, v.transport AS transport, v.threshold AS threshold
FROM (SELECT explode(`values`) AS v FROM report);

-- A column that a file has not is null.
CREATE OR REPLACE TEMPORARY VIEW lake_answers (vantage_point STRING, `interval` TIMESTAMP, sent_at TIMESTAMP, query STRING, rsi STRING,
  family STRING, transport STRING, address STRING, outcome STRING, latency_us BIGINT, rcode STRING, tc BOOLEAN, serial BIGINT, verdict STRING)
USING parquet OPTIONS (path '$LAKE/answers', recursiveFileLookup 'true', pathGlobFilter '*.parquet');

CREATE OR REPLACE TEMPORARY VIEW answers AS
SELECT unix_micros(`interval`) AS at_us, unix_micros(sent_at) AS sent_at_us, vantage_point, query, rsi, family, transport, address,
       outcome, latency_us, rcode, tc, serial, verdict
FROM lake_answers;

CREATE OR REPLACE TEMPORARY VIEW lake_runs (vantage_point STRING, `interval` TIMESTAMP, clock_synchronized BOOLEAN, received_at TIMESTAMP, ingested_at TIMESTAMP)
USING parquet OPTIONS (path '$LAKE/runs', recursiveFileLookup 'true', pathGlobFilter '*.parquet');

CREATE OR REPLACE TEMPORARY VIEW runs AS
SELECT unix_micros(`interval`) AS at_us, vantage_point, clock_synchronized, unix_micros(received_at) AS received_at_us,
       unix_micros(ingested_at) AS ingested_at_us
FROM lake_runs;

CREATE OR REPLACE TEMPORARY VIEW lake_zones (serial BIGINT, state STRING, first_seen TIMESTAMP, archived_at TIMESTAMP, signed_at TIMESTAMP, first_used TIMESTAMP)
USING parquet OPTIONS (path '$LAKE/zones/zones.parquet');

CREATE OR REPLACE TEMPORARY VIEW zones AS
SELECT serial, state, unix_micros(first_seen) AS first_seen_us, unix_micros(archived_at) AS archived_at_us,
       unix_micros(signed_at) AS signed_at_us, unix_micros(first_used) AS first_used_us
FROM lake_zones;

-- Serials of root zones, as the report took them.
CREATE OR REPLACE TEMPORARY VIEW genuine AS
SELECT DISTINCT explode(accepted) AS serial FROM report
UNION ALL
SELECT z.serial FROM zones z CROSS JOIN report r WHERE r.accepted IS NULL AND z.state IN ('archived', 'seen');
