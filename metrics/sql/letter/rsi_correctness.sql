-- RSI correctness [skm]: correct of responses judged; those that wait are in neither.
SELECT a.rsi, NULL AS family, NULL AS transport,
       SUM(CASE WHEN a.verdict = 'correct' THEN 1 ELSE 0 END) AS numerator, COUNT(*) AS denominator, COUNT(*) AS count
FROM rsi_rows a CROSS JOIN period p
WHERE a.query = 'correctness' AND a.verdict IN ('correct', 'incorrect') AND a.at_us >= p.from_us AND a.at_us < p.until_us
  AND a.outcome = 'answered' AND a.rcode IN ('NOERROR', 'NXDOMAIN') AND a.latency_us <= 4000000
GROUP BY a.rsi
