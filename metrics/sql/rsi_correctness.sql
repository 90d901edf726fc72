-- RSI correctness [skm]: correct of responses judged. Held are those that wait for a
-- verdict: few, and not many more than everybody's share.
SELECT rsi, NULL AS family, NULL AS transport, CASE WHEN judged > 0 THEN correct END AS numerator, CASE WHEN judged > 0 THEN judged END AS denominator,
       judged AS count, FALSE AS censored,
       CASE WHEN CAST(correct AS DECIMAL(15,0)) * 100 < threshold * CAST(judged AS DECIMAL(15,0)) THEN 'fail'
            WHEN judged > 0 AND 100 * held <= judged + held
                 AND (held <= 10 OR held * all_responses <= 2 * all_held * (judged + held)) THEN 'pass'
            ELSE 'no_data' END AS verdict,
       CASE WHEN 10 * sent < 9 * planned THEN 1 ELSE 0 END AS thin, planned, sent, held
FROM (SELECT r.rsi, t.threshold, COALESCE(c.planned, 0) AS planned, COALESCE(c.sent, 0) AS sent, COALESCE(c.correct, 0) AS correct,
             COALESCE(c.correct + c.incorrect, 0) AS judged, COALESCE(c.held, 0) AS held,
             SUM(COALESCE(c.held, 0)) OVER () AS all_held,
             SUM(COALESCE(c.correct + c.incorrect + c.held, 0)) OVER () AS all_responses
      FROM rsis r
      JOIN thresholds t ON t.metric = 'rsi_correctness'
      LEFT JOIN correctness_counts c ON c.level = 'rsi' AND c.rsi = r.rsi) q
