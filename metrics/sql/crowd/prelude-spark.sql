-- Spark: views of a lake of RIPE Atlas' results, the same as every engine's. $LAKE is the folder that holds answers/,
-- $IDENTITIES a file of patterns of identities, $FROM and $UNTIL whole days, UTC, the second not in the period.
SET TIME ZONE 'UTC';

CREATE OR REPLACE TEMPORARY VIEW period AS
SELECT unix_micros(TIMESTAMP '$FROM 00:00:00') AS from_us, unix_micros(TIMESTAMP '$UNTIL 00:00:00') AS until_us;

CREATE OR REPLACE TEMPORARY VIEW files_of_answers (`interval` TIMESTAMP, vantage_point STRING, query STRING, rsi STRING, family STRING, transport STRING,
  outcome STRING, rcode STRING, latency_us BIGINT, aa BOOLEAN, serial BIGINT, nsid STRING, strays INT, response BINARY)
USING parquet OPTIONS (path '$LAKE/answers', recursiveFileLookup 'true', pathGlobFilter '*.parquet');

CREATE OR REPLACE TEMPORARY VIEW lake_answers AS
SELECT unix_micros(`interval`) AS at_us, vantage_point, query, rsi, family, transport, outcome, rcode, latency_us, aa, serial, nsid,
       COALESCE(strays, 0) AS strays, hex(response) AS response
FROM files_of_answers
WHERE `interval` >= TIMESTAMP '$FROM 00:00:00' AND `interval` < TIMESTAMP '$UNTIL 00:00:00';

CREATE OR REPLACE TEMPORARY VIEW file_of_sites (vantage_point STRING, `from` TIMESTAMP, `until` TIMESTAMP, region STRING, asn_ipv4 BIGINT, asn_ipv6 BIGINT,
  tags ARRAY<STRING>)
USING parquet OPTIONS (path '$LAKE/vantage_points/vantage_points.parquet');

-- What holds for a probe within a time; whether a family works is null where nobody noted tags.
CREATE OR REPLACE TEMPORARY VIEW sites AS
SELECT vantage_point, unix_micros(`from`) AS from_us, unix_micros(`until`) AS until_us, region, asn_ipv4, asn_ipv6,
       array_contains(tags, 'system-ipv4-works') AS works_ipv4, array_contains(tags, 'system-ipv6-works') AS works_ipv6
FROM file_of_sites;

CREATE OR REPLACE TEMPORARY VIEW file_of_patterns (patterns ARRAY<STRUCT<kind: STRING, pattern: STRING, weak: BOOLEAN, rsis: ARRAY<STRING>,
  shared: ARRAY<STRING>, `from`: STRING, `until`: STRING>>)
USING json OPTIONS (path '$IDENTITIES', multiLine 'true');

CREATE OR REPLACE TEMPORARY VIEW pattern_lists AS
SELECT p.kind AS kind, p.pattern AS pattern, COALESCE(p.weak, FALSE) AS weak, p.rsis AS rsis, p.shared AS shared,
       unix_micros(CAST(p.`from` AS TIMESTAMP)) AS from_us, unix_micros(CAST(p.`until` AS TIMESTAMP)) AS until_us
FROM (SELECT explode(patterns) AS p FROM file_of_patterns);

-- At which RSIs a text of a pattern is no sign.
CREATE OR REPLACE TEMPORARY VIEW own_patterns AS
SELECT pattern, explode(rsis) AS rsi FROM pattern_lists UNION SELECT pattern, explode(shared) AS rsi FROM pattern_lists;

-- Identities as hex digits, without the zeros at their end, become texts.
CREATE OR REPLACE TEMPORARY FUNCTION text_of(digits STRING) RETURNS STRING RETURN
CASE WHEN digits RLIKE '^([2-6][0-9a-fA-F]|7[0-9a-eA-E]){1,255}$' THEN decode(unhex(digits), 'US-ASCII') END;
