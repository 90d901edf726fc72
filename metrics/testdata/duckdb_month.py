"""Time six plain statements of DuckDB over a lake's month: the yardstick of the
benchmark of package metrics. They do less than the metrics: no exclusions, no dates
of vantage points, no publication latency but its first sightings."""

import sys
import time

import duckdb

GOOD = "query = 'soa' and outcome = 'answered' and rcode = 'NOERROR'"
STATEMENTS = [
    "select rsi, family, transport, count(*), count(*) filter (outcome = 'answered' and rcode = 'NOERROR') "
    "from a where query = 'soa' and outcome <> 'local_error' group by all",
    f"select rsi, family, transport, median(latency_us) from a where {GOOD} group by all",
    "select rsi, count(*) filter (verdict = 'correct'), count(*) from a "
    "where query = 'correctness' and verdict in ('correct', 'incorrect') group by all",
    "select family, transport, sum(least(8, r)), 8 * count(*) from (select interval, vantage_point, family, transport, "
    "count(*) filter (outcome = 'answered' and rcode = 'NOERROR') as r from a where query = 'soa' group by all) group by all",
    "select family, transport, median(latency_us) from (select family, transport, latency_us, row_number() over "
    f"(partition by interval, vantage_point, family, transport order by latency_us) as n from a where {GOOD}) where n <= 8 group by all",
    "select vantage_point, rsi, serial, min(interval) from (select vantage_point, rsi, interval, min(serial) as serial "
    f"from a where {GOOD} and serial is not null group by all) group by all",
]

connection = duckdb.connect()
connection.execute("set threads = 2")
connection.execute(f"create view a as select * from read_parquet('{sys.argv[1]}/answers/*/*.parquet', hive_partitioning = true)")
best = None
for _ in range(3):
    began = time.monotonic()
    for statement in STATEMENTS:
        connection.execute(statement).fetchall()
    took = time.monotonic() - began
    best = took if best is None else min(best, took)
print(best)
