-- DuckDB: views of a lake of RIPE Atlas' results, the same as every engine's. $LAKE is the folder that holds answers/,
-- $IDENTITIES a file of patterns of identities, $FROM and $UNTIL whole days, UTC, the second not in the period.
SET TimeZone = 'UTC';
-- What does not fit goes to temp_directory. A machine of many cores needs more, or fewer threads.
SET memory_limit = '1500MB';
SET preserve_insertion_order = false;

CREATE OR REPLACE MACRO regexp_like(s, pattern) AS regexp_matches(s, pattern);

CREATE OR REPLACE TEMPORARY VIEW period AS
SELECT epoch_us(TIMESTAMPTZ '$FROM 00:00:00+00') AS from_us, epoch_us(TIMESTAMPTZ '$UNTIL 00:00:00+00') AS until_us;

CREATE OR REPLACE TEMPORARY VIEW lake_answers AS
SELECT epoch_us("interval") AS at_us, vantage_point, query, rsi, family, transport, outcome, rcode, latency_us, aa, serial, nsid,
       COALESCE(strays, 0) AS strays, hex(response) AS response
FROM read_parquet('$LAKE/answers/*/*.parquet', hive_partitioning = false, union_by_name = true)
WHERE "interval" >= TIMESTAMPTZ '$FROM 00:00:00+00' AND "interval" < TIMESTAMPTZ '$UNTIL 00:00:00+00';

-- What holds for a probe within a time; whether a family works is null where nobody noted tags.
CREATE OR REPLACE TEMPORARY VIEW sites AS
SELECT vantage_point, epoch_us("from") AS from_us, epoch_us("until") AS until_us, region, asn_ipv4, asn_ipv6,
       list_contains(tags, 'system-ipv4-works') AS works_ipv4, list_contains(tags, 'system-ipv6-works') AS works_ipv6
FROM read_parquet('$LAKE/vantage_points/vantage_points.parquet');

CREATE OR REPLACE TEMPORARY VIEW pattern_lists AS
SELECT p.kind AS kind, p.pattern AS pattern, COALESCE(p.weak, FALSE) AS weak, p.rsis AS rsis, p.shared AS shared,
       epoch_us(CAST(p."from" AS TIMESTAMPTZ)) AS from_us, epoch_us(CAST(p."until" AS TIMESTAMPTZ)) AS until_us
FROM (SELECT unnest(patterns) AS p FROM read_json('$IDENTITIES', format = 'unstructured', columns = {
  patterns: 'STRUCT(kind VARCHAR, pattern VARCHAR, weak BOOLEAN, rsis VARCHAR[], shared VARCHAR[], "from" VARCHAR, "until" VARCHAR)[]'}));

-- At which RSIs a text of a pattern is no sign.
CREATE OR REPLACE TEMPORARY VIEW own_patterns AS
SELECT pattern, unnest(rsis) AS rsi FROM pattern_lists UNION SELECT pattern, unnest(shared) AS rsi FROM pattern_lists;

-- Identities as hex digits, without the zeros at their end, become texts.
CREATE OR REPLACE MACRO text_of(digits) AS
CASE WHEN regexp_matches(digits, '^([2-6][0-9a-fA-F]|7[0-9a-eA-E]){1,255}$') THEN decode(unhex(digits)) END;
