-- DuckDB: views of the lake and of a report's settings, the same as every engine's.
-- $LAKE is the folder that holds answers/, $REPORT a full.json or report.json.
SET TimeZone = 'UTC';

CREATE OR REPLACE TEMP VIEW report AS
SELECT * FROM read_json('$REPORT', format = 'unstructured', maximum_object_size = 268435456, columns = {
  'from': 'TIMESTAMPTZ', 'until': 'TIMESTAMPTZ', 'data_until': 'TIMESTAMPTZ', n: 'BIGINT', k: 'BIGINT',
  rsis: 'STRUCT(rsi VARCHAR)[]',
  vantage_points: 'STRUCT(id VARCHAR, "from" TIMESTAMPTZ, "until" TIMESTAMPTZ)[]',
  exclusions: 'STRUCT("from" TIMESTAMPTZ, "until" TIMESTAMPTZ, vantage_points VARCHAR[], rsis VARCHAR[], paths VARCHAR[])[]'});

CREATE OR REPLACE TEMP VIEW period AS
SELECT epoch_us("from") AS from_us, epoch_us("until") AS until_us, epoch_us(data_until) AS data_until_us, n, k FROM report;

CREATE OR REPLACE TEMP VIEW rsis AS
SELECT r.rsi AS rsi FROM (SELECT unnest(rsis) AS r FROM report);

CREATE OR REPLACE TEMP VIEW vantage_points AS
SELECT v.id AS id, epoch_us(v."from") AS from_us, epoch_us(v."until") AS until_us
FROM (SELECT unnest(vantage_points) AS v FROM report);

-- One row for each place an exclusion names; null is every place.
CREATE OR REPLACE TEMP VIEW exclusions AS
SELECT epoch_us("from") AS from_us, epoch_us("until") AS until_us, vantage_point, rsi,
       split_part(path, '/', 1) AS family, split_part(path, '/', 2) AS transport
FROM (SELECT x."from", x."until", vantage_point, rsi,
             unnest(CASE WHEN len(x.paths) > 0 THEN x.paths ELSE [NULL] END) AS path
      FROM (SELECT x, vantage_point,
                   unnest(CASE WHEN len(x.rsis) > 0 THEN x.rsis ELSE [NULL] END) AS rsi
            FROM (SELECT x, unnest(CASE WHEN len(x.vantage_points) > 0 THEN x.vantage_points ELSE [NULL] END) AS vantage_point
                  FROM (SELECT unnest(exclusions) AS x FROM report))));

CREATE OR REPLACE TEMP VIEW answers AS
SELECT epoch_us("interval") AS at_us, vantage_point, query, rsi, family, transport, outcome, latency_us, rcode, tc, serial, verdict
FROM read_parquet('$LAKE/answers/*/*.parquet', hive_partitioning = true);

CREATE OR REPLACE TEMP VIEW zones AS
SELECT serial, state, epoch_us(first_seen) AS first_seen_us FROM read_parquet('$LAKE/zones/zones.parquet');
