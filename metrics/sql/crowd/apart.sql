-- Which queries count, where the probes stand, and what is set apart.

-- Queries for the SOA that were sent.
CREATE OR REPLACE TEMPORARY VIEW sent AS
SELECT at_us, at_us - MOD(at_us, 1800000000) AS half_us, at_us - MOD(at_us, 3600000000) AS hour_us, at_us - MOD(at_us, 86400000000) AS day_us,
       vantage_point, rsi, family, transport, latency_us, CASE WHEN outcome = 'answered' AND rcode = 'NOERROR' THEN 1 ELSE 0 END AS good
FROM lake_answers WHERE query = 'soa' AND outcome <> 'local_error';

-- A probe's network is the AS of the family on that day, 0 where it is not known: one network together.
CREATE OR REPLACE TEMPORARY VIEW places AS
SELECT p.vantage_point, p.family, p.day_us, COALESCE(CASE WHEN p.family = 'ipv4' THEN s.asn_ipv4 ELSE s.asn_ipv6 END, 0) AS network,
       COALESCE(s.region, '') AS region,
       CASE WHEN CASE WHEN p.family = 'ipv4' THEN s.works_ipv4 ELSE s.works_ipv6 END THEN 0
            WHEN CASE WHEN p.family = 'ipv4' THEN s.works_ipv4 ELSE s.works_ipv6 END IS NULL THEN 0 ELSE 1 END AS not_working
FROM (SELECT DISTINCT vantage_point, family, at_us - MOD(at_us, 86400000000) AS day_us FROM lake_answers) p
LEFT JOIN sites s ON s.vantage_point = p.vantage_point AND (s.from_us IS NULL OR s.from_us <= p.day_us) AND (s.until_us IS NULL OR p.day_us < s.until_us);

-- Half hours in which a probe asked at least two RSIs over a family, and none answered.
CREATE OR REPLACE TEMPORARY VIEW dead AS
SELECT vantage_point, family, half_us, MAX(day_us) AS day_us FROM sent
GROUP BY vantage_point, family, half_us HAVING COUNT(DISTINCT rsi) > 1 AND SUM(good) = 0;

-- What was heard: answers, and replies to another question.
CREATE OR REPLACE TEMPORARY VIEW messages AS
SELECT * FROM lake_answers WHERE outcome = 'answered' OR strays > 0;

-- What may be an identity: NSID, and the text of a response to a question in class CH. Its record follows a pointer to
-- the question (C00C), TXT (0010), CH (0003); then come a TTL, the length of the data (two octets) and that of the
-- first string. Of several strings none is looked at.
CREATE OR REPLACE TEMPORARY VIEW records AS
SELECT at_us, day_us, vantage_point, query, rsi, family, transport, record,
       16 * instr('123456789ABCDEF', substr(record, 23, 1)) + instr('123456789ABCDEF', substr(record, 24, 1)) AS data_length,
       16 * instr('123456789ABCDEF', substr(record, 25, 1)) + instr('123456789ABCDEF', substr(record, 26, 1)) AS text_length
FROM (SELECT at_us, at_us - MOD(at_us, 86400000000) AS day_us, vantage_point, query, rsi, family, transport, substr(response, instr(response, 'C00C00100003')) AS record
      FROM lake_answers WHERE query IN ('hostname_bind', 'id_server', 'version_bind') AND outcome = 'answered'
       AND instr(response, 'C00C00100003') > 24 AND MOD(instr(response, 'C00C00100003'), 2) = 1) q;

CREATE OR REPLACE TEMPORARY VIEW told AS
SELECT at_us, at_us - MOD(at_us, 86400000000) AS day_us, vantage_point, query, rsi, family, transport,
       trim(CASE WHEN nsid LIKE '0x%' THEN text_of(regexp_replace(substr(nsid, 3), '(00)+$', '')) ELSE nsid END) AS text
FROM messages WHERE nsid IS NOT NULL
UNION ALL
SELECT at_us, day_us, vantage_point, query, rsi, family, transport, trim(text_of(substr(record, 27, 2 * text_length)))
FROM records WHERE data_length = text_length + 1;

-- Whom each text names: few texts are told, and often.
CREATE OR REPLACE TEMPORARY VIEW texts AS
SELECT DISTINCT rsi, day_us, lower(CASE WHEN text LIKE '%.' THEN substr(text, 1, length(text) - 1) ELSE text END) AS name, text
FROM told WHERE text IS NOT NULL AND length(text) <= 255;

CREATE OR REPLACE TEMPORARY VIEW named AS
SELECT t.rsi, t.day_us, t.text, MAX(CASE WHEN p.kind = 'root' THEN 1 ELSE 0 END) AS root
FROM texts t JOIN pattern_lists p ON NOT p.weak AND (p.from_us IS NULL OR p.from_us <= t.day_us) AND (p.until_us IS NULL OR t.day_us < p.until_us)
  AND regexp_like(t.name, CONCAT('^(?i:', p.pattern, ')$'))
WHERE NOT EXISTS (SELECT 1 FROM own_patterns o WHERE o.rsi = t.rsi AND regexp_like(t.name, CONCAT('^(?i:', o.pattern, ')$')))
GROUP BY t.rsi, t.day_us, t.text;

-- Signs of interception. RA is the highest bit of the fourth octet; the highest of the third says that it is a response.
CREATE OR REPLACE TEMPORARY VIEW signs AS
SELECT 'answer without AA' AS sign, at_us, vantage_point, query, rsi, family, transport, at_us - MOD(at_us, 86400000000) AS day_us
FROM messages WHERE query = 'soa' AND outcome = 'answered' AND NOT aa AND serial IS NOT NULL
UNION ALL
SELECT 'RA set', at_us, vantage_point, query, rsi, family, transport, at_us - MOD(at_us, 86400000000)
FROM messages WHERE length(response) >= 24 AND substr(response, 5, 1) >= '8' AND substr(response, 7, 1) >= '8'
UNION ALL
SELECT 'another question', at_us, vantage_point, query, rsi, family, transport, at_us - MOD(at_us, 86400000000) FROM messages WHERE strays > 0
UNION ALL
SELECT CASE WHEN n.root = 1 THEN 'identity of another root server' ELSE 'identity of a resolver' END,
       t.at_us, t.vantage_point, t.query, t.rsi, t.family, t.transport, t.day_us
FROM told t JOIN named n ON n.rsi = t.rsi AND n.day_us = t.day_us AND n.text = t.text;

-- Days of a path on which somebody else answers: at least two of the messages, and a twentieth of them, show a sign, of those to
-- queries for the SOA or of those to others. One stray message in a thousand is enough for one a day, and is nobody's interception.
CREATE OR REPLACE TEMPORARY VIEW heard AS
SELECT vantage_point, family, transport, at_us - MOD(at_us, 86400000000) AS day_us, CASE WHEN query = 'soa' THEN 1 ELSE 0 END AS soa, COUNT(*) AS heard
FROM messages
GROUP BY vantage_point, family, transport, at_us - MOD(at_us, 86400000000), CASE WHEN query = 'soa' THEN 1 ELSE 0 END;

CREATE OR REPLACE TEMPORARY VIEW odd AS
SELECT vantage_point, family, transport, day_us, CASE WHEN query = 'soa' THEN 1 ELSE 0 END AS soa, COUNT(*) AS odd
FROM (SELECT DISTINCT at_us, vantage_point, query, rsi, family, transport, day_us FROM signs) s
GROUP BY vantage_point, family, transport, day_us, CASE WHEN query = 'soa' THEN 1 ELSE 0 END;

CREATE OR REPLACE TEMPORARY VIEW intercepted AS
SELECT DISTINCT o.vantage_point, o.family, o.transport, o.day_us
FROM odd o JOIN heard h ON h.vantage_point = o.vantage_point AND h.family = o.family AND h.transport = o.transport AND h.day_us = o.day_us AND h.soa = o.soa
WHERE o.odd > 1 AND 20 * o.odd >= h.heard;

-- Each query with its place, and by what it is set apart.
CREATE OR REPLACE TEMPORARY VIEW queries AS
SELECT s.hour_us, s.vantage_point, s.rsi, s.family, s.transport, s.latency_us, s.good, p.network, p.region, p.not_working,
       CASE WHEN d.vantage_point IS NULL THEN 0 ELSE 1 END AS no_network, CASE WHEN i.vantage_point IS NULL THEN 0 ELSE 1 END AS intercepted
FROM sent s
JOIN places p ON p.vantage_point = s.vantage_point AND p.family = s.family AND p.day_us = s.day_us
LEFT JOIN dead d ON d.vantage_point = s.vantage_point AND d.family = s.family AND d.half_us = s.half_us
LEFT JOIN intercepted i ON i.vantage_point = s.vantage_point AND i.family = s.family AND i.transport = s.transport AND i.day_us = s.day_us;

CREATE OR REPLACE TEMPORARY VIEW apart_counts AS
SELECT vantage_point, intercepted, no_network, not_working, COUNT(*) AS asked, SUM(good) AS good
FROM queries WHERE not_working + no_network + intercepted > 0
GROUP BY vantage_point, intercepted, no_network, not_working;
