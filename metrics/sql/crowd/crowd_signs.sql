-- Signs of interception: how many probes of how many networks showed them at an RSI, in how many answers.
SELECT s.sign, s.rsi, COUNT(DISTINCT s.vantage_point) AS probes, COUNT(DISTINCT p.network) AS networks, COUNT(*) AS answers
FROM signs s JOIN places p ON p.vantage_point = s.vantage_point AND p.family = s.family AND p.day_us = s.day_us
GROUP BY s.sign, s.rsi ORDER BY s.sign, s.rsi
