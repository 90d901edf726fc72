"""Compute a report's metrics by SQL and name what differs from its full.json.

usage: check.py [--engine duckdb|spark] [--timing] LAKE full.json

Exit 0: every fraction and count is equal, with and without exclusions. Exit 1: not.
"""

import argparse
import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
METRICS = [
    "rsi_availability", "rsi_response_latency", "rsi_correctness", "rsi_publication_latency",
    "rss_availability", "rss_response_latency", "rss_correctness", "rss_publication_latency",
]


def statements(name, lake, report):
    """The statements of a file; comments may hold semicolons."""
    text = (HERE / name).read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    body = "\n".join(lines).replace("$LAKE", lake).replace("$REPORT", report)
    return [s for s in body.split(";") if s.strip()]


def duckdb_engine():
    import duckdb

    connection = duckdb.connect()
    return lambda sql: connection.execute(sql).fetchall()


def spark_engine():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    return lambda sql: [tuple(row) for row in session.sql(sql).collect()]


def whole(number):
    return None if number is None else int(number)


def side(run, lake, report, timing):
    """All metrics by (metric, rsi, family, transport)."""
    values = {}
    for metric in METRICS:
        began = time.monotonic()
        for rsi, family, transport, numerator, denominator, count in run(statements(metric + ".sql", lake, report)[0]):
            values[metric, rsi, family, transport] = (whole(numerator), whole(denominator), whole(count))
        if timing:
            print(f"{metric}\t{time.monotonic() - began:.3f} s", file=sys.stderr)
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    parser.add_argument("--timing", action="store_true", help="print how long each metric took")
    parser.add_argument("lake")
    parser.add_argument("report")
    args = parser.parse_args()
    run = duckdb_engine() if args.engine == "duckdb" else spark_engine()
    report = json.loads(pathlib.Path(args.report).read_text())
    for name in [f"prelude-{args.engine}.sql", "rows.sql", "serials.sql"]:
        for statement in statements(name, args.lake, args.report):
            run(statement)
    if args.engine == "spark":  # what no exclusion changes is computed once
        run("CACHE TABLE expected")
        run("CACHE TABLE accepted")
    differences = 0
    for title in ["with exclusions", "without exclusions"]:
        if title == "without exclusions":
            run(EMPTY[args.engine])
        found = side(run, args.lake, args.report, args.timing)
        for value in report["values"]:
            key = (value["metric"], value.get("rsi"), value.get("family"), value.get("transport"))
            own = value if title == "with exclusions" else value["without_exclusions"]
            want = (own["numerator"], own["denominator"], own["count"])
            got = found.pop(key, (None, None, 0))
            if got[2] == want[2] == 0:
                continue  # no data
            if got != want:
                differences += 1
                print(f"{title}: {' '.join(k or '-' for k in key)}: SQL has {got}, the report {want}")
        for key, got in found.items():
            differences += 1
            print(f"{title}: {key}: SQL has {got}, the report nothing")
        if not report["exclusions"]:
            break
    print(f"{len(report['values'])} values, {differences} differences ({args.engine})")
    return 1 if differences else 0


EMPTY = {
    engine: "CREATE OR REPLACE TEMPORARY VIEW exclusions AS SELECT CAST(0 AS BIGINT) AS from_us, CAST(0 AS BIGINT) AS until_us, "
    f"CAST(NULL AS {text}) AS vantage_point, CAST(NULL AS {text}) AS rsi, CAST(NULL AS {text}) AS family, "
    f"CAST(NULL AS {text}) AS transport WHERE 1 = 0"
    for engine, text in [("duckdb", "VARCHAR"), ("spark", "STRING")]
}

if __name__ == "__main__":
    sys.exit(main())
