-- Spark: views of a lake, to be made in the folder that holds Lake/ (or a snapshot of that
-- name): spark-sql -i spark.sql. docs/data.md describes the columns.
--
-- Days written by several versions of mtric lie side by side. The columns are named here,
-- so that those that a file has not are null.
SET TIME ZONE 'UTC';

CREATE OR REPLACE TEMPORARY VIEW lake_answers (vantage_point STRING, `interval` TIMESTAMP, sent_at TIMESTAMP, query STRING, rsi STRING,
  family STRING, transport STRING, address STRING, qname STRING, qtype STRING, outcome STRING, error STRING, latency_us BIGINT,
  connect_us BIGINT, rcode STRING, aa BOOLEAN, tc BOOLEAN, attempts INT, serial BIGINT, nsid STRING, strays INT, response_size INT,
  response BINARY, verdict STRING, verdict_serial BIGINT, failures ARRAY<STRING>, source_port INT, reply_ttl INT, first_latency_us BIGINT,
  first_response BINARY, tcp_retransmits INT, extra ARRAY<STRUCT<kind: STRING, after_us: BIGINT, wire: BINARY>>, qclass STRING, zone_serial BIGINT,
  dnssec STRING, expected BOOLEAN, tls_us BIGINT, tls_auth STRING, tls_version STRING, tls_spki STRING, tls_not_after TIMESTAMP, yyyymm INT)
USING parquet OPTIONS (path 'Lake/answers');

-- good is what availability counts and latencies are taken of: answered as its query expects
-- and, where the plan says nothing of that, with NOERROR within the deadline of RSSAC047,
-- 4 s; over TLS by the server that the plan wants. sent is what availability is a share of:
-- all but local errors.
CREATE OR REPLACE TEMPORARY VIEW answers AS
SELECT *, COALESCE(outcome = 'answered' AND COALESCE(expected, rcode = 'NOERROR' AND latency_us <= 4000000)
                   AND COALESCE(tls_auth IN ('name', 'pin', 'none'), TRUE), FALSE) AS good, outcome <> 'local_error' AS sent
FROM lake_answers;

CREATE OR REPLACE TEMPORARY VIEW runs (vantage_point STRING, `interval` TIMESTAMP, started_at TIMESTAMP, jitter_ms INT, elapsed_ms INT,
  planned INT, answered INT, engine_version STRING, plan STRING, plan_sha256 STRING, clock_synchronized BOOLEAN, clock_error_us BIGINT,
  timestamps STRING, received_at TIMESTAMP, file STRING, sha256 STRING, ingested_at TIMESTAMP, source_ipv4 STRING, source_ipv6 STRING,
  yyyymm INT)
USING parquet OPTIONS (path 'Lake/runs');

CREATE OR REPLACE TEMPORARY VIEW zones (serial BIGINT, first_seen TIMESTAMP, first_seen_rsi STRING, archived_at TIMESTAMP, source STRING,
  sha256 STRING, state STRING, signed_at TIMESTAMP, first_used TIMESTAMP, proof STRING)
USING parquet OPTIONS (path 'Lake/zones');

-- Not every lake has routes, vantage_points, zone_serials, hours or events, and to read no file is an error: these read
-- a table along that is always there, and leave its rows out.
CREATE OR REPLACE TEMPORARY VIEW lake_routes (vantage_point STRING, `interval` TIMESTAMP, started_at TIMESTAMP, rsi STRING, family STRING,
  address STRING, method STRING, stop_reason STRING, reached BOOLEAN, complete BOOLEAN, hop_count INT,
  hops ARRAY<STRUCT<ttl: INT, address: STRING, rtt_us: BIGINT>>, source STRING,
  hop_replies ARRAY<STRUCT<ttl: INT, reply_ttl: INT, icmp_type: INT, icmp_code: INT>>)
USING parquet OPTIONS (path 'Lake', recursiveFileLookup 'true', pathGlobFilter '{routes,runs}-*.parquet');

CREATE OR REPLACE TEMPORARY VIEW routes AS
SELECT *, CAST(date_format(`interval`, 'yyyyMM') AS INT) AS yyyymm FROM lake_routes WHERE rsi IS NOT NULL;

CREATE OR REPLACE TEMPORARY VIEW lake_vantage_points (vantage_point STRING, `from` TIMESTAMP, `until` TIMESTAMP, region STRING,
  metro STRING, provider STRING, host STRING, latitude DOUBLE, longitude DOUBLE, asn BIGINT, country STRING, asn_ipv4 BIGINT,
  asn_ipv6 BIGINT, prefix_ipv4 STRING, prefix_ipv6 STRING, tags ARRAY<STRING>)
USING parquet OPTIONS (path 'Lake', recursiveFileLookup 'true', pathGlobFilter '{vantage_points,zones}.parquet');

CREATE OR REPLACE TEMPORARY VIEW vantage_points AS
SELECT * FROM lake_vantage_points WHERE vantage_point IS NOT NULL;

CREATE OR REPLACE TEMPORARY VIEW lake_zone_serials (`zone` STRING, serial BIGINT, source STRING, first_seen TIMESTAMP,
  last_seen TIMESTAMP)
USING parquet OPTIONS (path 'Lake', recursiveFileLookup 'true', pathGlobFilter '{zone_serials,zones}.parquet');

CREATE OR REPLACE TEMPORARY VIEW zone_serials AS
SELECT * FROM lake_zone_serials WHERE `zone` IS NOT NULL;

CREATE OR REPLACE TEMPORARY VIEW lake_hours (vantage_point STRING, hour TIMESTAMP, query STRING, rsi STRING, family STRING, transport STRING,
  planned INT, sent INT, answered INT, good INT, latency_median_us BIGINT, latency_max_us BIGINT,
  latency_histogram ARRAY<STRUCT<bucket: INT, count: INT>>, serial_oldest BIGINT, serial_newest BIGINT,
  instances ARRAY<STRUCT<nsid: STRING, answers: INT>>, strays INT, incorrect INT, unchecked INT, off_plan INT)
USING parquet OPTIONS (path 'Lake', recursiveFileLookup 'true', pathGlobFilter '{hours,runs}-*.parquet');

CREATE OR REPLACE TEMPORARY VIEW hours AS
SELECT *, CAST(date_format(hour, 'yyyyMM') AS INT) AS yyyymm FROM lake_hours WHERE hour IS NOT NULL;

CREATE OR REPLACE TEMPORARY VIEW lake_events (id STRING, kind STRING, rsi STRING, vantage_point STRING, family STRING, transport STRING,
  serial BIGINT, `from` TIMESTAMP, `until` TIMESTAMP, open BOOLEAN, labels_bad INT, labels_seen INT, vantage_points ARRAY<STRING>,
  worst DOUBLE, before STRING, after STRING, superseded_by STRING)
USING parquet OPTIONS (path 'Lake', recursiveFileLookup 'true', pathGlobFilter '{events,runs}-*.parquet');

CREATE OR REPLACE TEMPORARY VIEW events AS
SELECT *, CAST(date_format(`from`, 'yyyyMM') AS INT) AS yyyymm FROM lake_events WHERE id IS NOT NULL;

-- Answers with what the plan says of their vantage point at that time; null where it
-- does not know it.
CREATE OR REPLACE TEMPORARY VIEW located_answers AS
SELECT a.*, v.region, v.metro, v.provider, v.host, v.latitude, v.longitude, v.asn
FROM answers a
LEFT JOIN vantage_points v ON v.vantage_point = a.vantage_point AND (v.`from` IS NULL OR v.`from` <= a.`interval`)
                          AND (v.`until` IS NULL OR a.`interval` < v.`until`);
