-- Serials, publications and waits. Serials are compared by RFC 1982: place is the
-- signed distance from one genuine serial, so that a wrap does not matter.
CREATE OR REPLACE TEMPORARY VIEW accepted AS
SELECT DISTINCT g.serial, MOD(g.serial - b.base + 6442450944, 4294967296) - 2147483648 AS place
FROM genuine g CROSS JOIN (SELECT MIN(serial) AS base FROM genuine) b;

-- Good answers that show a serial: place where it is a trusted sighting of an
-- accepted one, strange where the serial is not accepted.
CREATE OR REPLACE TEMPORARY VIEW shown AS
SELECT s.at_us, s.span, s.vantage_point, s.rsi, s.rsi_too, s.trusted, s.state, s.serial,
       CASE WHEN s.state = 'good' AND s.trusted = 1 AND (z.signed_at_us IS NULL OR s.sent_at_us >= z.signed_at_us - 300000000)
            THEN a.place END AS place,
       CASE WHEN s.state = 'good' AND s.serial IS NOT NULL AND a.serial IS NULL THEN 1 ELSE 0 END AS strange
FROM soa s
LEFT JOIN accepted a ON a.serial = s.serial
LEFT JOIN known_zones z ON z.serial = s.serial;

CREATE OR REPLACE TEMPORARY VIEW first_sightings AS
SELECT serial, vantage_point, MIN(at_us) AS at_us
FROM shown WHERE place IS NOT NULL GROUP BY serial, vantage_point;

-- t1 is the first sighting's label, second that of the first one from elsewhere.
CREATE OR REPLACE TEMPORARY VIEW sighted AS
SELECT serial, MIN(at_us) AS t1_us, MIN(CASE WHEN n = 2 THEN at_us END) AS second_us
FROM (SELECT serial, at_us, ROW_NUMBER() OVER (PARTITION BY serial ORDER BY at_us, vantage_point) AS n FROM first_sightings) q
GROUP BY serial;

-- Serials of the earliest t1, which were there before (reading A10).
CREATE OR REPLACE TEMPORARY VIEW initial AS
SELECT s.serial FROM sighted s CROSS JOIN (SELECT MIN(t1_us) AS t1_us FROM sighted) f WHERE s.t1_us = f.t1_us;

-- T(s): max(t1, t2 - 15 min); t1 where one vantage point alone could have seen it by
-- then; null where nothing confirms the one that did. A zone counts as archived at
-- the next label, up to 24 hours after t1.
CREATE OR REPLACE TEMPORARY VIEW dated AS
SELECT serial, CASE WHEN vantage_points = 1 THEN t1_us ELSE GREATEST(t1_us, t2_us - 900000000) END AS t_us
FROM (SELECT serial, t1_us, vantage_points,
             CASE WHEN archived_us <= t1_us + 86400000000 AND (second_us IS NULL OR archived_us < second_us) THEN archived_us
                  ELSE second_us END AS t2_us
      FROM (SELECT s.serial, s.t1_us, s.second_us, COUNT(DISTINCT v.id) AS vantage_points,
                   MAX(z.archived_at_us + MOD(300000000 - MOD(z.archived_at_us, 300000000), 300000000)) AS archived_us
            FROM sighted s
            JOIN vantage_points v ON (v.from_us IS NULL OR v.from_us <= s.t1_us + 900000000)
             AND (v.until_us IS NULL OR (s.t1_us < v.until_us
                  AND (v.from_us IS NULL OR v.from_us + MOD(300000000 - MOD(v.from_us, 300000000), 300000000) < v.until_us)))
            LEFT JOIN known_zones z ON z.serial = s.serial
            GROUP BY s.serial, s.t1_us, s.second_us) q) r
WHERE vantage_points = 1 OR t2_us IS NOT NULL;

-- Serials above all of those that were there before.
CREATE OR REPLACE TEMPORARY VIEW later AS
SELECT a.serial, a.place
FROM accepted a
CROSS JOIN (SELECT MAX(a.place) AS place FROM initial i JOIN accepted a ON a.serial = i.serial) f
WHERE f.place IS NULL OR a.place > f.place;

-- Publications of the period.
CREATE OR REPLACE TEMPORARY VIEW published AS
SELECT d.serial, d.t_us, l.place
FROM dated d
JOIN later l ON l.serial = d.serial
CROSS JOIN period p
WHERE d.t_us >= p.from_us AND d.t_us < p.until_us;

-- What an RSI showed a vantage point's trusted run: the RFC 1982 minimum [cnj], null
-- without any [tub], and how many of its queries were sent.
CREATE OR REPLACE TEMPORARY VIEW runs_shown AS
SELECT s.at_us, s.span, s.vantage_point, s.rsi,
       MIN(s.place) AS rss_place, MIN(CASE WHEN s.rsi_too = 1 THEN s.place END) AS rsi_place,
       SUM(CASE WHEN s.state IN ('good', 'bad') THEN 1 ELSE 0 END) AS rss_sent,
       SUM(CASE WHEN s.state IN ('good', 'bad') THEN s.rsi_too ELSE 0 END) AS rsi_sent,
       MAX(s.strange) AS rss_strange, MAX(s.strange * s.rsi_too) AS rsi_strange
FROM shown s
CROSS JOIN (SELECT MIN(t_us) AS t_us FROM published) f
CROSS JOIN period p
WHERE s.trusted = 1 AND s.at_us >= f.t_us AND s.at_us < p.until_us + 7 * 86400000000
GROUP BY s.at_us, s.span, s.vantage_point, s.rsi;

-- Asked: it showed an accepted serial, or every planned query was sent and nothing
-- strange came.
CREATE OR REPLACE TEMPORARY VIEW asked AS
SELECT r.level, r.at_us, r.vantage_point, r.rsi, r.place
FROM (SELECT 'rss' AS level, at_us, span, vantage_point, rsi, rss_place AS place, rss_sent AS sent, rss_strange AS strange FROM runs_shown
      UNION ALL
      SELECT 'rsi', at_us, span, vantage_point, rsi, rsi_place, rsi_sent, rsi_strange FROM runs_shown) r
JOIN (SELECT level, span, vantage_point, rsi, COUNT(*) AS planned FROM soa_plan GROUP BY level, span, vantage_point, rsi) p
  ON p.level = r.level AND p.span = r.span AND p.vantage_point = r.vantage_point AND p.rsi = r.rsi
WHERE r.place IS NOT NULL OR (r.sent = p.planned AND r.strange = 0);

-- Labels in a row that were asked with the same outcome.
CREATE OR REPLACE TEMPORARY VIEW stretches AS
SELECT level, vantage_point, rsi, place, MIN(at_us) AS first_us, MAX(at_us) AS last_us
FROM (SELECT level, vantage_point, rsi, place, at_us,
             at_us - 300000000 * CAST(ROW_NUMBER() OVER (PARTITION BY level, vantage_point, rsi, place ORDER BY at_us) AS BIGINT) AS run
      FROM asked) q
GROUP BY level, vantage_point, rsi, place, run;

-- Labels at which an RSI has ceased to have any address.
CREATE OR REPLACE TEMPORARY VIEW departures AS
SELECT a.rsi, a.gone_us
FROM (SELECT DISTINCT rsi, until_us + MOD(300000000 - MOD(until_us, 300000000), 300000000) AS gone_us
      FROM rsi_addresses WHERE until_us IS NOT NULL) a
LEFT JOIN rsi_addresses o ON o.rsi = a.rsi AND (o.from_us IS NULL OR o.from_us <= a.gone_us) AND (o.until_us IS NULL OR a.gone_us < o.until_us)
WHERE o.rsi IS NULL;

-- Who can tell of a publication: the vantage points within their dates and the RSIs
-- of the frame at T(s); and until when.
CREATE OR REPLACE TEMPORARY VIEW witnesses AS
SELECT s.serial, s.place, s.t_us, v.id AS vantage_point, x.rsi,
       LEAST(MIN(COALESCE(v.until_us, p.data_until_us)), MIN(COALESCE(d.gone_us, p.data_until_us)),
             MIN(p.data_until_us), MIN(p.until_us + 7 * 86400000000)) AS end_us
FROM published s
JOIN vantage_points v ON (v.from_us IS NULL OR v.from_us <= s.t_us) AND (v.until_us IS NULL OR s.t_us < v.until_us)
JOIN rsi_addresses x ON (x.from_us IS NULL OR x.from_us <= s.t_us) AND (x.until_us IS NULL OR s.t_us < x.until_us)
CROSS JOIN period p
LEFT JOIN departures d ON d.rsi = x.rsi AND d.gone_us > s.t_us
GROUP BY s.serial, s.place, s.t_us, v.id, x.rsi;

-- The first label at which it was seen [kvg], and the last one asked before: the
-- wait is at least low minutes, and at most high; null is for ever.
CREATE OR REPLACE TEMPORARY VIEW first_seen AS
SELECT l.level, w.serial, w.t_us, w.vantage_point, w.rsi, w.end_us,
       MIN(CASE WHEN r.place >= w.place AND GREATEST(r.first_us, w.t_us) < w.end_us THEN GREATEST(r.first_us, w.t_us) END) AS seen_us
FROM witnesses w
CROSS JOIN (SELECT 'rss' AS level UNION ALL SELECT 'rsi') l
LEFT JOIN stretches r ON r.level = l.level AND r.vantage_point = w.vantage_point AND r.rsi = w.rsi
                     AND r.last_us >= w.t_us AND r.first_us < w.end_us
GROUP BY l.level, w.serial, w.t_us, w.vantage_point, w.rsi, w.end_us;

CREATE OR REPLACE TEMPORARY VIEW waits AS
SELECT level, serial, vantage_point, rsi,
       CASE WHEN asked_us IS NULL THEN 0 ELSE CAST((asked_us + 300000000 - t_us) / 60000000 AS BIGINT) END AS low,
       CAST((seen_us - t_us) / 60000000 AS BIGINT) AS high
FROM (SELECT f.level, f.serial, f.t_us, f.vantage_point, f.rsi, f.seen_us,
             MAX(CASE WHEN r.last_us < f.limit_us THEN r.last_us WHEN r.last_us IS NOT NULL THEN f.limit_us - 300000000 END) AS asked_us
      FROM (SELECT f.*, CASE WHEN seen_us IS NULL THEN end_us + MOD(300000000 - MOD(end_us, 300000000), 300000000)
                             ELSE seen_us END AS limit_us FROM first_seen f) f
      LEFT JOIN stretches r ON r.level = f.level AND r.vantage_point = f.vantage_point AND r.rsi = f.rsi
                           AND r.last_us >= f.t_us AND r.first_us < f.limit_us AND f.t_us < f.limit_us
      GROUP BY f.level, f.serial, f.t_us, f.vantage_point, f.rsi, f.seen_us) q;

-- Values of both metrics: kept is 1 where what we did not ask could not move it
-- over the threshold, and 0 where it is unobservable.
CREATE OR REPLACE TEMPORARY VIEW publication_values AS
SELECT w.level, w.serial, w.vantage_point, w.rsi, w.low, CASE WHEN w.high IS NULL THEN 1 ELSE 0 END AS censored,
       CASE WHEN w.low > t.threshold THEN 1 ELSE 0 END AS above,
       CASE WHEN w.low = w.high OR w.high <= t.threshold OR w.low > t.threshold THEN 1 ELSE 0 END AS kept
FROM waits w
JOIN thresholds t ON t.metric = CASE WHEN w.level = 'rsi' THEN 'rsi_publication_latency' ELSE 'rss_publication_latency' END;

-- Zones that were archived and first used in the period, and have no T(s): nobody
-- can tell how long they took. One for each vantage point and RSI of that label.
CREATE OR REPLACE TEMPORARY VIEW unseen_zones AS
SELECT rsi, COUNT(*) AS unseen
FROM (SELECT DISTINCT z.serial, v.id, x.rsi
      FROM (SELECT z.serial, z.first_used_us - MOD(z.first_used_us, 300000000) AS at_us
            FROM known_zones z
            JOIN later l ON l.serial = z.serial
            CROSS JOIN period p
            LEFT JOIN dated d ON d.serial = z.serial
            WHERE z.state = 'archived' AND d.serial IS NULL AND z.first_used_us >= p.from_us AND z.first_used_us < p.until_us) z
      JOIN vantage_points v ON (v.from_us IS NULL OR v.from_us <= z.at_us) AND (v.until_us IS NULL OR z.at_us < v.until_us)
      JOIN rsi_addresses x ON (x.from_us IS NULL OR x.from_us <= z.at_us) AND (x.until_us IS NULL OR z.at_us < x.until_us)) q
GROUP BY rsi;

-- By level; rsi is null for the RSS, whose values are those of all RSIs.
CREATE OR REPLACE TEMPORARY VIEW publication_counts AS
SELECT level, rsi, SUM(kept) AS kept, SUM(above) AS above, SUM(below) AS below, SUM(unobservable) AS unobservable, SUM(unseen) AS unseen
FROM (SELECT level, CASE WHEN level = 'rsi' THEN rsi END AS rsi, kept, kept * above AS above, kept * (1 - above) AS below,
             1 - kept AS unobservable, 0 AS unseen
      FROM publication_values
      UNION ALL SELECT 'rsi', rsi, 0, 0, 0, 0, unseen FROM unseen_zones
      UNION ALL SELECT 'rss', NULL, 0, 0, 0, 0, unseen FROM unseen_zones) q
GROUP BY level, rsi;
