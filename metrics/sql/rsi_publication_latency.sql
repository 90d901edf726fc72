-- RSI publication latency [yzp]: the median wait in minutes over 1 or 2; a wait that
-- never ended sorts after all others, and a median among these has no value [P4].
SELECT c.rsi, NULL AS family, NULL AS transport, m.numerator, m.denominator, COALESCE(v.kept, 0) AS count,
       COALESCE(m.denominator IS NULL AND v.kept > 0, FALSE) AS censored,
       CASE WHEN v.kept IS NULL OR v.kept = 0 THEN 'no_data'
            WHEN m.numerator IS NULL OR m.numerator > t.threshold * m.denominator
            THEN CASE WHEN c.thin = 0 OR v.above > v.below + v.unobservable + v.unseen THEN 'fail' ELSE 'no_data' END
            ELSE CASE WHEN c.thin = 0 OR v.below > v.above + v.unobservable + v.unseen THEN 'pass' ELSE 'no_data' END END AS verdict,
       c.thin, c.planned, c.sent, COALESCE(v.unobservable, 0) AS unobservable
FROM (SELECT q.*, CASE WHEN 10 * sent < 9 * planned THEN 1 ELSE 0 END AS thin
      FROM (SELECT rsi, SUM(planned) AS planned, SUM(sent) AS sent FROM rsi_counts GROUP BY rsi) q) c
JOIN thresholds t ON t.metric = 'rsi_publication_latency'
LEFT JOIN publication_counts v ON v.level = 'rsi' AND v.rsi = c.rsi
LEFT JOIN (SELECT rsi, CASE WHEN SUM(censored) = 0 THEN SUM(low) END AS numerator, CASE WHEN SUM(censored) = 0 THEN COUNT(*) END AS denominator
           FROM (SELECT rsi, low, censored,
                        ROW_NUMBER() OVER (PARTITION BY rsi ORDER BY censored, low) AS n, COUNT(*) OVER (PARTITION BY rsi) AS c
                 FROM publication_values WHERE level = 'rsi' AND kept = 1) q
           WHERE 2 * n >= c AND 2 * n <= c + 2
           GROUP BY rsi) m ON m.rsi = c.rsi
