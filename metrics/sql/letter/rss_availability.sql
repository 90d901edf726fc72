-- RSS availability [cvf]: the sum of min(k, r) of the sum of k. Counted are queries sent.
SELECT NULL AS rsi, s.family, s.transport, SUM(CASE WHEN s.reached < p.k THEN s.reached ELSE p.k END) AS numerator,
       SUM(p.k) AS denominator, SUM(s.asked) AS count
FROM system_intervals s CROSS JOIN period p
GROUP BY s.family, s.transport
