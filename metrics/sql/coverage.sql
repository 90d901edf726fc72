-- Slots of the period by what came of them, soa and correctness together, and rows
-- in no slot; exclusions with RSIs disregarded.
SELECT planned, sent, unsent, planned - sent - unsent - off_plan AS missing, off_plan, stray,
       CASE WHEN 10 * sent < 9 * planned THEN 1 ELSE 0 END AS thin
FROM (SELECT COALESCE(SUM(planned), 0) AS planned, COALESCE(SUM(sent), 0) AS sent, COALESCE(SUM(unsent), 0) AS unsent,
             COALESCE(SUM(off_plan), 0) AS off_plan
      FROM (SELECT planned, sent, unsent, off_plan FROM soa_counts WHERE level = 'rss'
            UNION ALL SELECT planned, sent, unsent, off_plan FROM correctness_counts WHERE level = 'rss') c) q
CROSS JOIN (SELECT COUNT(*) AS stray
            FROM (SELECT a.at_us, a.vantage_point, a.family, a.transport
                  FROM counted a
                  JOIN vantage_points v ON v.id = a.vantage_point
                  JOIN rsis r ON r.rsi = a.rsi
                  CROSS JOIN period p
                  LEFT JOIN labels l ON l.at_us = a.at_us
                  LEFT JOIN places s ON s.span = l.span AND s.vantage_point = a.vantage_point AND s.rsi = a.rsi
                                    AND s.family = a.family AND s.transport = a.transport
                  WHERE a.at_us >= p.from_us AND a.at_us < p.until_us
                    AND (s.span IS NULL OR (a.query = 'soa' AND s.planned = 0))) a
            WHERE NOT EXISTS (SELECT 1 FROM exclusions x
              WHERE x.rsi IS NULL AND a.at_us >= x.from_us AND a.at_us < x.until_us
                AND (x.vantage_point IS NULL OR x.vantage_point = a.vantage_point)
                AND (x.family IS NULL OR (x.family = a.family AND x.transport = a.transport)))) s
