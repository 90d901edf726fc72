-- What is set apart: each kind on its own, for a query may be of several, and all together.
SELECT kind, COUNT(DISTINCT vantage_point) AS probes, SUM(asked) AS asked, SUM(good) AS good
FROM (SELECT 'intercepted' AS kind, vantage_point, asked, good FROM apart_counts WHERE intercepted = 1
      UNION ALL SELECT 'no_network', vantage_point, asked, good FROM apart_counts WHERE no_network = 1
      UNION ALL SELECT 'not_working', vantage_point, asked, good FROM apart_counts WHERE not_working = 1
      UNION ALL SELECT 'all', vantage_point, asked, good FROM apart_counts) q
GROUP BY kind ORDER BY kind
