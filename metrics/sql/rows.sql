-- What came of each slot: good, bad, unsent, off_plan; missing is what is left.

CREATE OR REPLACE TEMPORARY VIEW soa AS
SELECT a.at_us, l.span, l.in_period, a.vantage_point, a.rsi, a.family, a.transport, p.rsi_too,
       a.trusted, a.sent_at_us, a.latency_us, a.serial,
       CASE WHEN a.outcome = 'local_error' THEN 'unsent'
            WHEN d.address IS NULL THEN 'off_plan'
            WHEN a.outcome = 'answered' AND a.rcode = 'NOERROR' AND a.latency_us <= 4000000 THEN 'good'
            ELSE 'bad' END AS state
FROM counted a
JOIN labels l ON l.at_us = a.at_us
JOIN places p ON p.span = l.span AND p.vantage_point = a.vantage_point AND p.rsi = a.rsi
             AND p.family = a.family AND p.transport = a.transport
LEFT JOIN planned_addresses d ON d.span = l.span AND d.rsi = a.rsi AND d.family = a.family AND d.address = a.address
WHERE a.query = 'soa' AND p.planned = 1 AND p.rss = 1;

CREATE OR REPLACE TEMPORARY VIEW soa_states AS
SELECT rsi, family, transport, rsi_too, state, COUNT(*) AS slots
FROM soa WHERE in_period = 1
GROUP BY rsi, family, transport, rsi_too, state;

CREATE OR REPLACE TEMPORARY VIEW soa_counts AS
SELECT p.level, p.rsi, p.family, p.transport, p.planned, COALESCE(r.good, 0) AS good, COALESCE(r.good, 0) + COALESCE(r.bad, 0) AS sent,
       COALESCE(r.unsent, 0) AS unsent, COALESCE(r.off_plan, 0) AS off_plan
FROM (SELECT level, rsi, family, transport, SUM(labels) AS planned FROM soa_plan WHERE in_period = 1
      GROUP BY level, rsi, family, transport) p
LEFT JOIN (SELECT level, rsi, family, transport,
                  SUM(CASE WHEN state = 'good' THEN slots ELSE 0 END) AS good,
                  SUM(CASE WHEN state = 'bad' THEN slots ELSE 0 END) AS bad,
                  SUM(CASE WHEN state = 'unsent' THEN slots ELSE 0 END) AS unsent,
                  SUM(CASE WHEN state = 'off_plan' THEN slots ELSE 0 END) AS off_plan
           FROM (SELECT 'rss' AS level, s.* FROM soa_states s
                 UNION ALL SELECT 'rsi' AS level, s.* FROM soa_states s WHERE rsi_too = 1) q
           GROUP BY level, rsi, family, transport) r
  ON r.level = p.level AND r.rsi = p.rsi AND r.family = p.family AND r.transport = p.transport;

-- Latency bounds in µs, by transport.
CREATE OR REPLACE TEMPORARY VIEW latency_bounds AS
SELECT metric, transport, CAST(FLOOR(threshold * 1000) AS BIGINT) AS bound_us
FROM thresholds WHERE metric IN ('rsi_response_latency', 'rss_response_latency');

-- Good answers at or below the bound.
CREATE OR REPLACE TEMPORARY VIEW rsi_fast AS
SELECT s.rsi, s.family, s.transport, SUM(CASE WHEN s.latency_us <= b.bound_us THEN 1 ELSE 0 END) AS fast
FROM soa s JOIN latency_bounds b ON b.metric = 'rsi_response_latency' AND b.transport = s.transport
WHERE s.state = 'good' AND s.in_period = 1 AND s.rsi_too = 1
GROUP BY s.rsi, s.family, s.transport;

-- RSS cells with any row: u is what was planned and not sent.
CREATE OR REPLACE TEMPORARY VIEW cells AS
SELECT s.at_us, s.vantage_point, s.family, s.transport, p.k, s.good, s.sent, p.planned - s.sent AS u, s.fast, s.good - s.fast AS slow
FROM (SELECT s.at_us, s.span, s.vantage_point, s.family, s.transport,
             SUM(CASE WHEN s.state = 'good' THEN 1 ELSE 0 END) AS good,
             SUM(CASE WHEN s.state IN ('good', 'bad') THEN 1 ELSE 0 END) AS sent,
             SUM(CASE WHEN s.state = 'good' AND s.latency_us <= b.bound_us THEN 1 ELSE 0 END) AS fast
      FROM soa s JOIN latency_bounds b ON b.metric = 'rss_response_latency' AND b.transport = s.transport
      WHERE s.in_period = 1
      GROUP BY s.at_us, s.span, s.vantage_point, s.family, s.transport) s
JOIN cell_plan p ON p.span = s.span AND p.vantage_point = s.vantage_point AND p.family = s.family AND p.transport = s.transport;

-- Correctness: a slot is (label, vantage point, RSI), its rows may take any path.
CREATE OR REPLACE TEMPORARY VIEW correctness_rows AS
SELECT a.at_us, l.span, a.vantage_point, a.rsi, p.rss, p.rsi_too, a.state,
       CASE WHEN a.state <> 'sent' OR a.outcome <> 'answered' OR a.latency_us > 4000000 OR a.rcode NOT IN ('NOERROR', 'NXDOMAIN') THEN NULL
            WHEN a.verdict IN ('correct', 'incorrect') THEN a.verdict
            WHEN a.verdict = 'unchecked' OR NOT a.tc THEN 'held' END AS judged
FROM (SELECT a.*, CASE WHEN a.outcome = 'local_error' THEN 'unsent' WHEN d.address IS NULL THEN 'off_plan' ELSE 'sent' END AS state
      FROM counted a
      JOIN labels l ON l.at_us = a.at_us
      LEFT JOIN planned_addresses d ON d.span = l.span AND d.rsi = a.rsi AND d.family = a.family AND d.address = a.address
      WHERE a.query = 'correctness' AND l.in_period = 1) a
JOIN labels l ON l.at_us = a.at_us
JOIN places p ON p.span = l.span AND p.vantage_point = a.vantage_point AND p.rsi = a.rsi
             AND p.family = a.family AND p.transport = a.transport;

-- A slot is planned unless every path of its RSI is excluded.
CREATE OR REPLACE TEMPORARY VIEW correctness_plan AS
SELECT level, span, labels, vantage_point, rsi
FROM soa_plan WHERE in_period = 1
GROUP BY level, span, labels, vantage_point, rsi;

-- Slots with rows. Excluded rows leave; where none remains the slot leaves too.
CREATE OR REPLACE TEMPORARY VIEW correctness_slots AS
SELECT 'rss' AS level, at_us, span, vantage_point, rsi,
       MAX(CASE WHEN rss = 0 THEN 0 WHEN state = 'sent' THEN 3 WHEN state = 'unsent' THEN 2 ELSE 1 END) AS state
FROM correctness_rows GROUP BY at_us, span, vantage_point, rsi
UNION ALL
SELECT 'rsi', at_us, span, vantage_point, rsi,
       MAX(CASE WHEN rsi_too = 0 THEN 0 WHEN state = 'sent' THEN 3 WHEN state = 'unsent' THEN 2 ELSE 1 END) AS state
FROM correctness_rows GROUP BY at_us, span, vantage_point, rsi;

CREATE OR REPLACE TEMPORARY VIEW correctness_counts AS
SELECT level, rsi, SUM(planned) AS planned, SUM(sent) AS sent, SUM(unsent) AS unsent, SUM(off_plan) AS off_plan,
       SUM(correct) AS correct, SUM(incorrect) AS incorrect, SUM(held) AS held
FROM (SELECT level, rsi, SUM(labels) AS planned, 0 AS sent, 0 AS unsent, 0 AS off_plan, 0 AS correct, 0 AS incorrect, 0 AS held
      FROM correctness_plan GROUP BY level, rsi
      UNION ALL
      SELECT s.level, s.rsi,
             SUM(CASE WHEN p.level IS NULL AND s.state > 0 THEN 1 WHEN p.level IS NOT NULL AND s.state = 0 THEN -1 ELSE 0 END),
             SUM(CASE WHEN s.state = 3 THEN 1 ELSE 0 END), SUM(CASE WHEN s.state = 2 THEN 1 ELSE 0 END),
             SUM(CASE WHEN s.state = 1 THEN 1 ELSE 0 END), 0, 0, 0
      FROM correctness_slots s
      LEFT JOIN correctness_plan p ON p.level = s.level AND p.span = s.span AND p.vantage_point = s.vantage_point AND p.rsi = s.rsi
      GROUP BY s.level, s.rsi
      UNION ALL
      SELECT level, rsi, 0, 0, 0, 0, SUM(CASE WHEN judged = 'correct' THEN 1 ELSE 0 END),
             SUM(CASE WHEN judged = 'incorrect' THEN 1 ELSE 0 END), SUM(CASE WHEN judged = 'held' THEN 1 ELSE 0 END)
      FROM (SELECT 'rss' AS level, rsi, judged FROM correctness_rows WHERE rss = 1
            UNION ALL SELECT 'rsi', rsi, judged FROM correctness_rows WHERE rsi_too = 1) j
      GROUP BY level, rsi) q
GROUP BY level, rsi;

-- What each value rests on; thin where less than nine tenths of it was sent.
CREATE OR REPLACE TEMPORARY VIEW rsi_counts AS
SELECT q.*, CASE WHEN 10 * sent < 9 * planned THEN 1 ELSE 0 END AS thin
FROM (SELECT r.rsi, t.family, t.transport, COALESCE(c.planned, 0) AS planned, COALESCE(c.sent, 0) AS sent, COALESCE(c.good, 0) AS good
      FROM rsis r CROSS JOIN paths t
      LEFT JOIN soa_counts c ON c.level = 'rsi' AND c.rsi = r.rsi AND c.family = t.family AND c.transport = t.transport) q;

CREATE OR REPLACE TEMPORARY VIEW rss_counts AS
SELECT q.*, CASE WHEN 10 * sent < 9 * planned THEN 1 ELSE 0 END AS thin
FROM (SELECT t.family, t.transport, COALESCE(SUM(c.planned), 0) AS planned, COALESCE(SUM(c.sent), 0) AS sent
      FROM paths t LEFT JOIN soa_counts c ON c.level = 'rss' AND c.family = t.family AND c.transport = t.transport
      GROUP BY t.family, t.transport) q;
