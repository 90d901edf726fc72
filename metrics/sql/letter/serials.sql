-- Serials. a reaches b by RFC 1982 when (a - b) modulo 2^32 is below 2^31.

-- Accepted are serials the zones table does not call bogus, and those it does not
-- have but two RSIs showed (reading A13).
CREATE OR REPLACE TEMPORARY VIEW accepted AS
SELECT s.serial
FROM (SELECT serial, COUNT(DISTINCT rsi) AS rsis FROM expected
      WHERE query = 'soa' AND outcome = 'answered' AND rcode = 'NOERROR' AND latency_us <= 4000000 AND serial IS NOT NULL
      GROUP BY serial) s
LEFT JOIN zones z ON z.serial = s.serial
WHERE (z.serial IS NULL AND s.rsis >= 2) OR z.state <> 'bogus';

-- T(s): the first interval in which any vantage point got s from any RSI [yxn].
CREATE OR REPLACE TEMPORARY VIEW sighted AS
SELECT s.serial, MIN(s.at_us) AS t_us
FROM system_soa s JOIN accepted a ON a.serial = s.serial
WHERE s.good = 1 GROUP BY s.serial;

-- Serials of the first interval with data.
CREATE OR REPLACE TEMPORARY VIEW initial AS
SELECT s.serial FROM sighted s CROSS JOIN (SELECT MIN(t_us) AS start_us FROM sighted) f WHERE s.t_us = f.start_us;

-- Publications of the period. A serial of the first interval with data has no T(s),
-- nor has one that those reach or that was seen before the look-back (reading A10).
CREATE OR REPLACE TEMPORARY VIEW published AS
SELECT s.serial, s.t_us
FROM sighted s CROSS JOIN period p
LEFT JOIN zones z ON z.serial = s.serial
WHERE s.t_us >= p.from_us AND s.t_us < p.until_us
  AND s.serial NOT IN (SELECT k.serial FROM sighted k CROSS JOIN initial i
                       WHERE MOD(i.serial - k.serial + 4294967296, 4294967296) < 2147483648)
  AND (z.first_seen_us IS NULL OR z.first_seen_us >= p.from_us - 86400000000);

-- What an RSI showed a vantage point in an interval it was asked in: m, the RFC 1982
-- minimum of the accepted serials of its good answers [cnj]; null without any [tub].
-- Distances are taken from one of the serials, so that the wrap does not matter.
CREATE OR REPLACE TEMPORARY VIEW rsi_minima AS
SELECT at_us, vantage_point, rsi,
       MOD(MAX(base) + MIN(MOD(serial - base + 6442450944, 4294967296) - 2147483648) + 4294967296, 4294967296) AS m
FROM (SELECT s.at_us, s.vantage_point, s.rsi, a.serial,
             MIN(a.serial) OVER (PARTITION BY s.at_us, s.vantage_point, s.rsi) AS base
      FROM rsi_soa s LEFT JOIN accepted a ON a.serial = s.serial AND s.good = 1) q
GROUP BY at_us, vantage_point, rsi;

-- L(v,X,s) in minutes [kvg]; null where s was never seen before the data end [P4].
-- A vantage point that asked nothing between T(s) and its first sight cannot tell
-- how long it took: no row (reading A12).
CREATE OR REPLACE TEMPORARY VIEW rsi_waits AS
SELECT rsi, vantage_point, serial, CAST((seen_us - t_us) / 60000000 AS BIGINT) AS minutes
FROM (SELECT m.rsi, m.vantage_point, p.serial, p.t_us, MIN(m.at_us) AS asked_us,
             MIN(CASE WHEN MOD(m.m - p.serial + 4294967296, 4294967296) < 2147483648 THEN m.at_us END) AS seen_us
      FROM rsi_minima m JOIN published p ON m.at_us >= p.t_us
      GROUP BY m.rsi, m.vantage_point, p.serial, p.t_us) w
WHERE seen_us IS NULL OR seen_us = t_us OR asked_us < seen_us;

-- What an RSI showed a vantage point in an interval it was asked in: m, the RFC 1982
-- minimum of the accepted serials of its good answers [cnj]; null without any [tub].
-- Distances are taken from one of the serials, so that the wrap does not matter.
CREATE OR REPLACE TEMPORARY VIEW system_minima AS
SELECT at_us, vantage_point, rsi,
       MOD(MAX(base) + MIN(MOD(serial - base + 6442450944, 4294967296) - 2147483648) + 4294967296, 4294967296) AS m
FROM (SELECT s.at_us, s.vantage_point, s.rsi, a.serial,
             MIN(a.serial) OVER (PARTITION BY s.at_us, s.vantage_point, s.rsi) AS base
      FROM system_soa s LEFT JOIN accepted a ON a.serial = s.serial AND s.good = 1) q
GROUP BY at_us, vantage_point, rsi;

-- L(v,X,s) in minutes [kvg]; null where s was never seen before the data end [P4].
-- A vantage point that asked nothing between T(s) and its first sight cannot tell
-- how long it took: no row (reading A12).
CREATE OR REPLACE TEMPORARY VIEW system_waits AS
SELECT rsi, vantage_point, serial, CAST((seen_us - t_us) / 60000000 AS BIGINT) AS minutes
FROM (SELECT m.rsi, m.vantage_point, p.serial, p.t_us, MIN(m.at_us) AS asked_us,
             MIN(CASE WHEN MOD(m.m - p.serial + 4294967296, 4294967296) < 2147483648 THEN m.at_us END) AS seen_us
      FROM system_minima m JOIN published p ON m.at_us >= p.t_us
      GROUP BY m.rsi, m.vantage_point, p.serial, p.t_us) w
WHERE seen_us IS NULL OR seen_us = t_us OR asked_us < seen_us;
