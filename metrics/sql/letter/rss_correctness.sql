-- RSS correctness [ywo]: the sum over the RSIs, not the mean of their percentages.
SELECT NULL AS rsi, NULL AS family, NULL AS transport,
       SUM(CASE WHEN a.verdict = 'correct' THEN 1 ELSE 0 END) AS numerator, COUNT(*) AS denominator, COUNT(*) AS count
FROM system_rows a CROSS JOIN period p
WHERE a.query = 'correctness' AND a.verdict IN ('correct', 'incorrect') AND a.at_us >= p.from_us AND a.at_us < p.until_us
  AND a.outcome = 'answered' AND a.rcode IN ('NOERROR', 'NXDOMAIN') AND a.latency_us <= 4000000
HAVING COUNT(*) > 0
