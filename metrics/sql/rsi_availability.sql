-- RSI availability [yah]: good answers of queries sent. Low takes what was not sent
-- for bad, high for good.
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
      FROM (SELECT c.rsi, c.family, c.transport, c.thin, c.planned, c.sent, c.sent AS count, t.threshold,
                   CAST(c.good AS DECIMAL(15,0)) AS good, CAST(c.sent - c.good AS DECIMAL(15,0)) AS bad,
                   CAST(c.planned AS DECIMAL(15,0)) AS whole
            FROM rsi_counts c JOIN thresholds t ON t.metric = 'rsi_availability' AND (t.transport IS NULL OR t.transport = c.transport)) q) v
