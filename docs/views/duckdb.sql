-- DuckDB: views of a lake, to be made in the folder that holds Lake/ (or a snapshot of
-- that name): duckdb -init duckdb.sql. docs/data.md describes the columns.
--
-- Days written by several versions of mtric lie side by side. union_by_name reads columns
-- by their names, and the empty second part adds those that no file has: they are null.
SET TimeZone = 'UTC';

-- What availability counts and latencies are taken of: answered as its query expects and,
-- where the plan says nothing of that, with NOERROR within the deadline of RSSAC047, 4 s.
-- Over TLS by the server that the plan wants.
CREATE OR REPLACE MACRO good(outcome, rcode, latency_us, expected, tls_auth) AS
  coalesce(outcome = 'answered' AND coalesce(expected, rcode = 'NOERROR' AND latency_us <= 4000000)
           AND coalesce(tls_auth IN ('name', 'pin', 'none'), true), false);

-- good as above; sent is what availability is a share of: all but local errors.
CREATE OR REPLACE VIEW answers AS
SELECT *, good(outcome, rcode, latency_us, expected, tls_auth) AS good, outcome <> 'local_error' AS sent
FROM (SELECT * FROM read_parquet('Lake/answers/*/*.parquet', union_by_name = true, hive_partitioning = true, hive_types = {'yyyymm': INTEGER})
      UNION ALL BY NAME
      SELECT NULL::INTEGER AS source_port, NULL::INTEGER AS reply_ttl, NULL::BIGINT AS first_latency_us, NULL::BLOB AS first_response,
             NULL::INTEGER AS tcp_retransmits, NULL::STRUCT(kind VARCHAR, after_us BIGINT, wire BLOB)[] AS extra,
             NULL::VARCHAR AS qclass, NULL::BIGINT AS zone_serial, NULL::VARCHAR AS dnssec, NULL::BOOLEAN AS expected, NULL::BIGINT AS tls_us,
             NULL::VARCHAR AS tls_auth, NULL::VARCHAR AS tls_version, NULL::VARCHAR AS tls_spki, NULL::TIMESTAMPTZ AS tls_not_after WHERE false);

CREATE OR REPLACE VIEW runs AS
SELECT * FROM read_parquet('Lake/runs/*/*.parquet', union_by_name = true, hive_partitioning = true, hive_types = {'yyyymm': INTEGER})
UNION ALL BY NAME
SELECT NULL::TIMESTAMPTZ AS ingested_at, NULL::VARCHAR AS source_ipv4, NULL::VARCHAR AS source_ipv6 WHERE false;

CREATE OR REPLACE VIEW zones AS
SELECT * FROM read_parquet('Lake/zones/zones.parquet')
UNION ALL BY NAME
SELECT NULL::TIMESTAMPTZ AS signed_at, NULL::TIMESTAMPTZ AS first_used, NULL::VARCHAR AS proof WHERE false;

-- Not every lake has routes, vantage_points, zone_serials, hours or events, and a pattern that matches no file is an
-- error: these read a table along that is always there, and leave its rows out.
CREATE OR REPLACE VIEW routes AS
SELECT vantage_point, "interval", started_at, rsi, family, address, method, stop_reason, reached, complete, hop_count, hops,
       "source", hop_replies, yyyymm
FROM (SELECT * FROM read_parquet('Lake/r*/*/r*.parquet', union_by_name = true, hive_partitioning = true, hive_types = {'yyyymm': INTEGER})
      UNION ALL BY NAME
      SELECT NULL::VARCHAR AS rsi, NULL::VARCHAR AS family, NULL::VARCHAR AS address, NULL::VARCHAR AS "method", NULL::VARCHAR AS stop_reason,
             NULL::BOOLEAN AS reached, NULL::BOOLEAN AS complete, NULL::INTEGER AS hop_count,
             NULL::STRUCT(ttl INTEGER, address VARCHAR, rtt_us BIGINT)[] AS hops, NULL::VARCHAR AS "source",
             NULL::STRUCT(ttl INTEGER, reply_ttl INTEGER, icmp_type INTEGER, icmp_code INTEGER)[] AS hop_replies WHERE false)
WHERE rsi IS NOT NULL;

CREATE OR REPLACE VIEW vantage_points AS
SELECT vantage_point, "from", "until", region, metro, provider, host, latitude, longitude, asn, country, asn_ipv4, asn_ipv6,
       prefix_ipv4, prefix_ipv6, tags
FROM (SELECT * FROM read_parquet('Lake/[vz]*/[vz]*.parquet', union_by_name = true)
      UNION ALL BY NAME
      SELECT NULL::VARCHAR AS vantage_point, NULL::TIMESTAMPTZ AS "from", NULL::TIMESTAMPTZ AS "until", NULL::VARCHAR AS region,
             NULL::VARCHAR AS metro, NULL::VARCHAR AS provider, NULL::VARCHAR AS host, NULL::DOUBLE AS latitude, NULL::DOUBLE AS longitude,
             NULL::BIGINT AS asn, NULL::VARCHAR AS country, NULL::BIGINT AS asn_ipv4, NULL::BIGINT AS asn_ipv6,
             NULL::VARCHAR AS prefix_ipv4, NULL::VARCHAR AS prefix_ipv6, NULL::VARCHAR[] AS tags WHERE false)
WHERE vantage_point IS NOT NULL;

CREATE OR REPLACE VIEW zone_serials AS
SELECT "zone", serial, "source", first_seen, last_seen
FROM (SELECT * FROM read_parquet('Lake/z*/z*.parquet', union_by_name = true)
      UNION ALL BY NAME
      SELECT NULL::VARCHAR AS "zone", NULL::TIMESTAMPTZ AS last_seen WHERE false)
WHERE "zone" IS NOT NULL;

CREATE OR REPLACE VIEW hours AS
SELECT vantage_point, hour, query, rsi, family, transport, planned, sent, answered, good, latency_median_us, latency_max_us,
       latency_histogram, serial_oldest, serial_newest, instances, strays, incorrect, unchecked, off_plan, yyyymm
FROM (SELECT * FROM read_parquet('Lake/[hr][ou][un][rs]*/*/*.parquet', union_by_name = true, hive_partitioning = true, hive_types = {'yyyymm': INTEGER})
      UNION ALL BY NAME
      SELECT NULL::TIMESTAMPTZ AS hour, NULL::VARCHAR AS query, NULL::VARCHAR AS rsi, NULL::VARCHAR AS family, NULL::VARCHAR AS transport,
             NULL::INTEGER AS sent, NULL::INTEGER AS good, NULL::BIGINT AS latency_median_us, NULL::BIGINT AS latency_max_us,
             NULL::STRUCT(bucket INTEGER, count INTEGER)[] AS latency_histogram, NULL::BIGINT AS serial_oldest, NULL::BIGINT AS serial_newest,
             NULL::STRUCT(nsid VARCHAR, answers INTEGER)[] AS instances, NULL::INTEGER AS strays, NULL::INTEGER AS incorrect,
             NULL::INTEGER AS unchecked, NULL::INTEGER AS off_plan WHERE false)
WHERE hour IS NOT NULL;

CREATE OR REPLACE VIEW events AS
SELECT id, kind, rsi, vantage_point, family, transport, serial, "from", "until", "open", labels_bad, labels_seen, vantage_points, worst,
       "before", "after", superseded_by, yyyymm
FROM (SELECT * FROM read_parquet('Lake/[er][vu][en][ns]*/*/*.parquet', union_by_name = true, hive_partitioning = true, hive_types = {'yyyymm': INTEGER})
      UNION ALL BY NAME
      SELECT NULL::VARCHAR AS id, NULL::VARCHAR AS kind, NULL::VARCHAR AS rsi, NULL::VARCHAR AS family, NULL::VARCHAR AS transport,
             NULL::BIGINT AS serial, NULL::TIMESTAMPTZ AS "from", NULL::TIMESTAMPTZ AS "until", NULL::BOOLEAN AS "open",
             NULL::INTEGER AS labels_bad, NULL::INTEGER AS labels_seen, NULL::VARCHAR[] AS vantage_points, NULL::DOUBLE AS worst,
             NULL::VARCHAR AS "before", NULL::VARCHAR AS "after", NULL::VARCHAR AS superseded_by WHERE false)
WHERE id IS NOT NULL;

-- Answers with what the plan says of their vantage point at that time; null where it
-- does not know it.
CREATE OR REPLACE VIEW located_answers AS
SELECT a.*, v.region, v.metro, v.provider, v.host, v.latitude, v.longitude, v.asn
FROM answers a
LEFT JOIN vantage_points v ON v.vantage_point = a.vantage_point AND (v."from" IS NULL OR v."from" <= a."interval")
                          AND (v."until" IS NULL OR a."interval" < v."until");
