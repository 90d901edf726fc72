-- DuckDB: views of the lake and of a report's settings, the same as every engine's.
-- $LAKE is the folder that holds answers/, $REPORT a full.json, $WITHOUT the vantage
-- point to leave out, or nothing.
SET TimeZone = 'UTC';
-- What does not fit goes to temp_directory. A machine of many cores needs more, or fewer threads.
SET memory_limit = '1500MB';
SET preserve_insertion_order = false;

CREATE OR REPLACE TEMPORARY VIEW report AS
SELECT * FROM read_json('$REPORT', format = 'unstructured', maximum_object_size = 134217728, columns = {
  'from': 'TIMESTAMPTZ', 'until': 'TIMESTAMPTZ', 'data_until': 'TIMESTAMPTZ', received_until: 'TIMESTAMPTZ',
  archived_until: 'TIMESTAMPTZ', n: 'BIGINT', k: 'BIGINT',
  accepted: 'BIGINT[]',
  rsis: 'STRUCT(rsi VARCHAR, addresses STRUCT(family VARCHAR, address VARCHAR, "from" TIMESTAMPTZ, "until" TIMESTAMPTZ)[])[]',
  vantage_points: 'STRUCT(id VARCHAR, "from" TIMESTAMPTZ, "until" TIMESTAMPTZ)[]',
  other_vantage_points: 'STRUCT(id VARCHAR, "from" TIMESTAMPTZ, "until" TIMESTAMPTZ)[]',
  exclusions: 'STRUCT("from" TIMESTAMPTZ, "until" TIMESTAMPTZ, vantage_points VARCHAR[], rsis VARCHAR[], paths VARCHAR[])[]',
  'values': 'STRUCT(metric VARCHAR, transport VARCHAR, threshold DECIMAL(18,9))[]'});

CREATE OR REPLACE TEMPORARY VIEW period AS
SELECT epoch_us("from") AS from_us, epoch_us("until") AS until_us, epoch_us(data_until) AS data_until_us,
       epoch_us(received_until) AS received_until_us, epoch_us(archived_until) AS archived_until_us, n, k FROM report;

CREATE OR REPLACE TEMPORARY VIEW rsis AS
SELECT r.rsi AS rsi FROM (SELECT unnest(rsis) AS r FROM report);

CREATE OR REPLACE TEMPORARY VIEW rsi_addresses AS
SELECT rsi, a.family AS family, a.address AS address, epoch_us(a."from") AS from_us, epoch_us(a."until") AS until_us
FROM (SELECT r.rsi AS rsi, unnest(r.addresses) AS a FROM (SELECT unnest(rsis) AS r FROM report));

-- Those whose dates lie outside the period bear out when serials were published.
CREATE OR REPLACE TEMPORARY VIEW vantage_points AS
SELECT v.id AS id, epoch_us(v."from") AS from_us, epoch_us(v."until") AS until_us
FROM (SELECT unnest(vantage_points) AS v FROM report
      UNION ALL SELECT unnest(other_vantage_points) AS v FROM report) WHERE v.id <> '$WITHOUT';

-- One row for each place an exclusion names; null is every place.
CREATE OR REPLACE TEMPORARY VIEW exclusions AS
SELECT epoch_us("from") AS from_us, epoch_us("until") AS until_us, vantage_point, rsi,
       split_part(path, '/', 1) AS family, split_part(path, '/', 2) AS transport
FROM (SELECT x."from", x."until", vantage_point, rsi,
             unnest(CASE WHEN len(x.paths) > 0 THEN x.paths ELSE [NULL] END) AS path
      FROM (SELECT x, vantage_point,
                   unnest(CASE WHEN len(x.rsis) > 0 THEN x.rsis ELSE [NULL] END) AS rsi
            FROM (SELECT x, unnest(CASE WHEN len(x.vantage_points) > 0 THEN x.vantage_points ELSE [NULL] END) AS vantage_point
                  FROM (SELECT unnest(exclusions) AS x FROM report))));

-- In the metric's unit: percent, milliseconds, minutes.
CREATE OR REPLACE TEMPORARY VIEW thresholds AS
SELECT DISTINCT v.metric AS metric, v.transport AS transport, v.threshold AS threshold
FROM (SELECT unnest("values") AS v FROM report);

CREATE OR REPLACE TEMPORARY VIEW answers AS
SELECT epoch_us("interval") AS at_us, epoch_us(sent_at) AS sent_at_us, vantage_point, query, rsi, family, transport, address,
       outcome, latency_us, rcode, tc, serial, verdict
FROM read_parquet('$LAKE/answers/*/*.parquet', hive_partitioning = true, union_by_name = true);

-- A column that the file has not is null: the second part adds it.
CREATE OR REPLACE TEMPORARY VIEW runs AS
SELECT epoch_us("interval") AS at_us, vantage_point, clock_synchronized, epoch_us(received_at) AS received_at_us,
       epoch_us(ingested_at) AS ingested_at_us
FROM (SELECT * FROM read_parquet('$LAKE/runs/*/*.parquet', hive_partitioning = true, union_by_name = true)
      UNION ALL BY NAME SELECT CAST(NULL AS TIMESTAMPTZ) AS ingested_at WHERE false);

CREATE OR REPLACE TEMPORARY VIEW zones AS
SELECT serial, state, epoch_us(first_seen) AS first_seen_us, epoch_us(archived_at) AS archived_at_us,
       epoch_us(signed_at) AS signed_at_us, epoch_us(first_used) AS first_used_us
FROM (SELECT * FROM read_parquet('$LAKE/zones/zones.parquet')
      UNION ALL BY NAME SELECT CAST(NULL AS TIMESTAMPTZ) AS signed_at, CAST(NULL AS TIMESTAMPTZ) AS first_used WHERE false);

-- Serials of root zones, as the report took them.
CREATE OR REPLACE TEMPORARY VIEW genuine AS
SELECT DISTINCT unnest(accepted) AS serial FROM report
UNION ALL
SELECT z.serial FROM zones z CROSS JOIN report r WHERE r.accepted IS NULL AND z.state IN ('archived', 'seen');
