-- RSS availability [cvf]: of the k that a cell needs, good were proven, bad disproven;
-- the rest is unknown and enters the bounds alone.
SELECT rsi, family, transport, CASE WHEN good + bad > 0 THEN good END AS numerator, CASE WHEN good + bad > 0 THEN good + bad END AS denominator,
       count, FALSE AS censored,
       CASE WHEN thin = 0 THEN verdict WHEN low_verdict = high_verdict THEN low_verdict ELSE 'no_data' END AS verdict, thin,
       CASE WHEN whole > 0 THEN good END AS low_numerator, CASE WHEN whole > 0 THEN whole END AS low_denominator, low_verdict,
       CASE WHEN whole > 0 THEN whole - bad END AS high_numerator, CASE WHEN whole > 0 THEN whole END AS high_denominator, high_verdict,
       planned, sent
FROM (SELECT q.*,
             CASE WHEN good + bad = 0 THEN 'no_data' WHEN good * 100 >= threshold * (good + bad) THEN 'pass' ELSE 'fail' END AS verdict,
             CASE WHEN whole = 0 THEN 'no_data' WHEN good * 100 >= threshold * whole THEN 'pass' ELSE 'fail' END AS low_verdict,
             CASE WHEN whole = 0 THEN 'no_data' WHEN (whole - bad) * 100 >= threshold * whole THEN 'pass' ELSE 'fail' END AS high_verdict
      FROM (SELECT NULL AS rsi, c.family, c.transport, c.thin, c.planned, c.sent, c.sent AS count, t.threshold,
                   CAST(COALESCE(s.good, 0) AS DECIMAL(15,0)) AS good, CAST(COALESCE(s.bad, 0) AS DECIMAL(15,0)) AS bad,
                   CAST(COALESCE(p.whole, 0) AS DECIMAL(15,0)) AS whole
            FROM rss_counts c
            JOIN thresholds t ON t.metric = 'rss_availability' AND (t.transport IS NULL OR t.transport = c.transport)
            LEFT JOIN (SELECT family, transport, SUM(labels * k) AS whole FROM cell_plan GROUP BY family, transport) p
                   ON p.family = c.family AND p.transport = c.transport
            LEFT JOIN (SELECT family, transport, SUM(LEAST(k, good)) AS good, SUM(GREATEST(0, k - good - u)) AS bad
                       FROM cells GROUP BY family, transport) s
                   ON s.family = c.family AND s.transport = c.transport) q) v
