-- RSS correctness [ywo]: the sum over the RSIs, not the mean of their percentages.
SELECT rsi, NULL AS family, NULL AS transport, CASE WHEN judged > 0 THEN correct END AS numerator, CASE WHEN judged > 0 THEN judged END AS denominator,
       judged AS count, FALSE AS censored,
       CASE WHEN CAST(correct AS DECIMAL(15,0)) * 100 < threshold * CAST(judged AS DECIMAL(15,0)) THEN 'fail'
            WHEN judged > 0 AND 100 * held <= judged + held
                 AND (held <= 10 OR held * all_responses <= 2 * all_held * (judged + held)) THEN 'pass'
            ELSE 'no_data' END AS verdict,
       CASE WHEN 10 * sent < 9 * planned THEN 1 ELSE 0 END AS thin, planned, sent, held
FROM (SELECT NULL AS rsi, t.threshold, c.*, c.held AS all_held, c.judged + c.held AS all_responses
      FROM (SELECT COALESCE(SUM(planned), 0) AS planned, COALESCE(SUM(sent), 0) AS sent, COALESCE(SUM(correct), 0) AS correct,
                   COALESCE(SUM(correct + incorrect), 0) AS judged, COALESCE(SUM(held), 0) AS held
            FROM correctness_counts WHERE level = 'rss') c
      JOIN thresholds t ON t.metric = 'rss_correctness') q
