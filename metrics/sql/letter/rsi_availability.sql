-- RSI availability [yah]: good answers of queries sent.
SELECT s.rsi, s.family, s.transport, SUM(s.good) AS numerator, COUNT(*) AS denominator, COUNT(*) AS count
FROM rsi_soa s CROSS JOIN period p
WHERE s.at_us >= p.from_us AND s.at_us < p.until_us
GROUP BY s.rsi, s.family, s.transport
