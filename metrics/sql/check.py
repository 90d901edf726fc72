"""Compute a report's metrics by SQL and name what differs from its full.json.

usage: check.py [--engine duckdb|spark] [--letter] [--rests-on] [--without NNN] [--timing] LAKE full.json
       check.py --sql LAKE full.json

Exit 0: everything is equal, with and without exclusions. Exit 1: not. With --sql it compares nothing, and prints the
statements as one script for DuckDB.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
METRICS = [
    "rsi_availability", "rsi_response_latency", "rsi_correctness", "rsi_publication_latency",
    "rss_availability", "rss_response_latency", "rss_correctness", "rss_publication_latency",
]
# Views that several statements read are computed once.
STORED = {
    "report", "period", "rsis", "rsi_addresses", "vantage_points", "exclusions", "thresholds", "zones", "genuine",
    "odd_runs", "lake_labels", "lake_addresses", "spans", "labels", "canonical", "addresses_at", "planned_addresses", "frames", "places", "soa_plan",
    "cell_plan", "soa_states", "soa_counts", "rsi_fast", "cells", "correctness_counts", "rsi_counts", "rss_counts", "accepted", "first_sightings",
    "sighted", "witnessed", "initial", "dated", "later", "published", "stretches", "first_seen", "publication_values", "publication_counts",
}
# Views with a row for each query or run: DuckDB reads the lake again where they are needed.
ROWS = {
    "counted", "soa", "correctness_rows", "shown", "runs_shown", "asked",
    "expected", "system_rows", "rsi_rows", "rsi_soa", "system_soa", "system_intervals", "rsi_minima", "system_minima",
}
# Spark keeps the rows of these where they are computed; all others go through this process.
LARGE = ROWS | {"cells", "stretches"}
VIEW = re.compile(r"\s*CREATE OR REPLACE TEMPORARY VIEW (\w+)\s*(AS\b)?(.*)", re.DOTALL)
INPUT = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")
# Tables of the lake that may not be there, with the types of their columns.
TABLES = {
    "answers": "at_us BIGINT, sent_at_us BIGINT, vantage_point TEXT, query TEXT, rsi TEXT, family TEXT, transport TEXT, address TEXT, "
    "outcome TEXT, latency_us BIGINT, rcode TEXT, tc BOOLEAN, serial BIGINT, verdict TEXT",
    "runs": "at_us BIGINT, vantage_point TEXT, clock_synchronized BOOLEAN, received_at_us BIGINT, ingested_at_us BIGINT",
    "zones": "serial BIGINT, state TEXT, first_seen_us BIGINT, archived_at_us BIGINT, signed_at_us BIGINT, first_used_us BIGINT",
    "exclusions": "from_us BIGINT, until_us BIGINT, vantage_point TEXT, rsi TEXT, family TEXT, transport TEXT",
}


class DuckDB:
    name, text, stored = "duckdb", "VARCHAR", STORED

    def __init__(self):
        import duckdb

        self.connection = duckdb.connect()

    def rows(self, sql):
        result = self.connection.execute(sql)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]

    def run(self, sql):
        self.connection.execute(sql)

    def store(self, name, select):
        self.connection.execute(f"CREATE OR REPLACE TEMPORARY TABLE {name} AS {select}")

    def another(self):
        return DuckDB()


class Script(DuckDB):
    """Prints what DuckDB would run. Each metric becomes a table, which is shown."""

    def __init__(self):
        pass

    def run(self, sql):
        print(sql.strip() + ";\n")

    def store(self, name, select):
        self.run(f"CREATE OR REPLACE TEMPORARY TABLE {name} AS {select.strip()}")

    def metric(self, name, select):
        self.store(name, select)
        self.run(f"SELECT * FROM {name}")


class Spark:
    """Spark puts the plan of a view wherever the view is read, so that plans grow with every step: all that is read
    more than once is stored."""

    name, text, stored = "spark", "STRING", STORED | ROWS
    # Spark's defaults are for data a thousand times larger than a small lake. There most of the time would go into
    # compiling plans, planning anew in between, and starting tasks.
    small = {
        "spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1", "spark.sql.leafNodeDefaultParallelism": "1",
        "spark.sql.adaptive.enabled": "false", "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.ui.explainMode": "simple", "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }

    def __init__(self, small=True, session=None):
        from pyspark.sql import SparkSession

        self.small_lake, self.session = small, session
        if session:
            return
        builder = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").config("spark.ui.showConsoleProgress", "false")
        if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not started by spark-submit, which knows where to run
            builder = builder.master("local[2]").config("spark.ui.enabled", "false")
        for key, value in self.small.items() if small else []:
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")

    def rows(self, sql):
        return [row.asDict() for row in self.session.sql(sql).collect()]

    def run(self, sql):
        self.session.sql(sql)

    def store(self, name, select):
        frame = self.session.sql(select)
        if name not in LARGE:
            frame = self.session.createDataFrame(frame.toArrow(), frame.schema)  # a table whose size the planner knows
        else:
            frame = (frame.coalesce(1) if self.small_lake else frame).localCheckpoint()
        frame.createOrReplaceTempView(name)

    def another(self):
        """A session with views of its own in the same process."""
        return Spark(self.small_lake, self.session.newSession())


SMALL = 4 << 20  # bytes of answers


def start(name, lake=None):
    """An engine for a lake; without one, for small lakes."""
    size = sum(file.stat().st_size for file in pathlib.Path(lake).glob("answers/**/*.parquet")) if lake else 0
    return DuckDB() if name == "duckdb" else Spark(small=size < SMALL)


def whole(number):
    return None if number is None else int(number)


def micros(text):
    """Microseconds since 1970 of a time as JSON has it."""
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def value_name(key):
    return " ".join(part or "-" for part in key)


def value_key(value):
    return value["metric"], value.get("rsi"), value.get("family"), value.get("transport")


class Check:
    def __init__(self, engine, lake, full, folder=HERE, timing=False):
        self.engine, self.lake, self.full, self.folder, self.timing = engine, pathlib.Path(lake), full, folder, timing
        self.made = {}  # of each view what it was made by
        self.left = {}  # of each vantage point the values without it
        self.missing = [table for table in ["answers", "runs"] if not any(self.lake.glob(f"{table}/**/*.parquet"))]
        if not (self.lake / "zones" / "zones.parquet").exists():
            self.missing.append("zones")

    def statements(self, path, without=""):
        """The statements of a file; comments may hold semicolons."""
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("--")]
        for name, value in {"$LAKE": str(self.lake), "$REPORT": str(self.full), "$WITHOUT": without}.items():
            lines = [line.replace(name, value.replace("'", "''")) for line in lines]
        return [statement for statement in "\n".join(lines).split(";") if statement.strip()]

    def define(self, statement):
        """Runs a statement. A view that was made by it is made again only if one that it reads has changed."""
        view = VIEW.match(statement)
        if not view:
            return self.engine.run(statement)
        name, select = view[1], view[2] and view[3]
        key = hash((statement, *(self.made.get(read) for read in INPUT.findall(statement))))
        if self.made.get(name) == key:
            return None
        self.made[name] = key
        if not select or name not in self.engine.stored:
            return self.engine.run(statement)
        began = time.monotonic()
        self.engine.store(name, select)
        self.took(name, began)

    def took(self, name, began):
        if self.timing:
            print(f"{name}\t{time.monotonic() - began:.3f} s", file=sys.stderr)

    def empty(self, table):
        columns = [column.strip().split() for column in TABLES[table].split(",")]
        nulls = ", ".join(f"CAST(NULL AS {self.engine.text if kind == 'TEXT' else kind}) AS {name}" for name, kind in columns)
        self.define(f"CREATE OR REPLACE TEMPORARY VIEW {table} AS SELECT * FROM (SELECT {nulls}) e WHERE 1 = 0")

    def prelude(self, without=""):
        for statement in self.statements(HERE / f"prelude-{self.engine.name}.sql", without):
            table = re.match(r"\s*CREATE OR REPLACE TEMPORARY VIEW (?:lake_)?(\w+)", statement)
            if table and table[1] in self.missing:
                self.empty(table[1])
            else:
                self.define(statement)

    def views(self, *names, instead=None):
        for name in names:
            for statement in self.statements(self.folder / name):
                view = VIEW.match(statement)
                if instead and view and view[1] in instead:
                    statement = f"CREATE OR REPLACE TEMPORARY VIEW {view[1]} AS {instead[view[1]]}"
                self.define(statement)

    def metrics(self):
        """All metrics' rows by (metric, rsi, family, transport)."""
        values = {}
        for metric in METRICS:
            began = time.monotonic()
            for row in self.engine.rows(self.statements(self.folder / f"{metric}.sql")[0]):
                values[metric, row["rsi"], row["family"], row["transport"]] = row
            self.took(metric, began)
        return values

    def compute(self, exclusions=True, without="", instead=None):
        self.prelude(without)
        if not exclusions:
            self.empty("exclusions")
        self.views("runs.sql", "frame.sql", "rows.sql", "publications.sql", instead=instead)
        return self.metrics()

    def script(self):
        self.prelude()
        self.views("runs.sql", "frame.sql", "rows.sql", "publications.sql")
        for metric in METRICS:
            self.engine.metric(metric, self.statements(self.folder / f"{metric}.sql")[0])

    def compute_without(self, serials, vantage_point):
        """Leaving one vantage point out: the serials of the period and of A10 stay, T(s) is dated anew."""
        def among(names):
            return ", ".join(str(s) for s in names) or "NULL"

        if vantage_point not in self.left:
            self.left[vantage_point] = self.compute(without=vantage_point, instead={
                "initial": f"SELECT serial FROM accepted WHERE serial IN ({among(serials['initial'])})",
                "published": "SELECT d.serial, d.t_us, l.place FROM dated d JOIN later l ON l.serial = d.serial "
                f"WHERE d.serial IN ({among(serials['published'])})",
            })
        return self.left[vantage_point]

    def serials(self):
        return {name: [int(row["serial"]) for row in self.engine.rows(f"SELECT serial FROM {name}")] for name in ["initial", "published"]}


def got_value(row):
    return {
        "numerator": whole(row["numerator"]), "denominator": whole(row["denominator"]), "count": whole(row["count"]) or 0,
        "censored": bool(row["censored"]), "verdict": row["verdict"], "thin": bool(row["thin"]),
        "held": whole(row.get("held")) or 0, "unobservable": whole(row.get("unobservable")) or 0,
    }


def want_value(value, keys):
    want = {key: value.get(key) for key in keys}
    for key in ["censored", "thin"]:
        if key in want:
            want[key] = bool(want[key])
    for key in ["count", "held", "unobservable"]:
        if key in want:
            want[key] = want[key] or 0
    return want


def got_bounds(row):
    return {side: {"numerator": whole(row[f"{side}_numerator"]), "denominator": whole(row[f"{side}_denominator"]),
                   "verdict": row[f"{side}_verdict"]} for side in ["low", "high"]}


def differing(got, want):
    return ", ".join(f"{key}: SQL has {got[key]}, the report {want[key]}" for key in want if got[key] != want[key])


def compare_values(title, found, report):
    """Differences of all values, with exclusions (keys of the value itself) or as measured."""
    applied = title == "with exclusions"
    differences = []
    for value in report["values"]:
        key = value_key(value)
        row = found.get(key)
        own = value if applied else value.get("without_exclusions") or {}
        if row is None:
            differences.append(f"{title}: {value_name(key)}: SQL has nothing")
            continue
        keys = ["numerator", "denominator", "count", "censored", "verdict"] + (["thin", "held", "unobservable"] if applied else [])
        text = differing(got_value(row), want_value(own, keys))
        if text:
            differences.append(f"{title}: {value_name(key)}: {text}")
        if applied and "low_numerator" in row and (value.get("bounds") or report["vantage_points_from"] == "plan"):
            got, want = got_bounds(row), value.get("bounds")
            if got != want and (want or got["low"]["denominator"]):
                differences.append(f"{title}: {value_name(key)}: bounds: SQL has {got}, the report {want}")
    for key in found.keys() - {value_key(value) for value in report["values"]}:
        differences.append(f"{title}: {value_name(key)}: SQL has a value, the report nothing")
    return differences


def compare_rest(check, report):
    """Differences of coverage, publications and frames."""
    engine, differences = check.engine, []
    coverage = {key: whole(number) for key, number in engine.rows(check.statements(HERE / "coverage.sql")[0])[0].items()}
    want = {**report["coverage"], "thin": report.get("thin", False)}
    text = differing({**coverage, "thin": bool(coverage["thin"])}, {key: want.get(key) for key in coverage})
    if text:
        differences.append(f"coverage: {text}")
    got = {(int(row["serial"]), int(row["t_us"])) for row in engine.rows("SELECT serial, t_us FROM published")}
    listed = {(p["serial"], micros(p["t"])) for p in report["publications"]}
    if got != listed:
        differences.append(f"publications: SQL alone has {sorted(got - listed)}, the report alone {sorted(listed - got)}")
    for row in engine.rows("SELECT f.span, f.n, f.k FROM frames f WHERE f.in_period = 1 ORDER BY f.span"):
        rsis = sorted(r["rsi"] for r in engine.rows(f"SELECT DISTINCT rsi FROM addresses_at WHERE span = {row['span']}"))
        own = [(f["n"], f["k"], sorted(f["rsis"])) for f in report["frames"]
               if (not f.get("from") or micros(f["from"]) <= row["span"]) and (not f.get("until") or row["span"] < micros(f["until"]))]
        if own != [(int(row["n"]), int(row["k"]), rsis)]:
            differences.append(f"frames: at {row['span']} µs SQL has {row['n'], row['k'], rsis}, the report {own}")
    return differences


def check_rests_on(check, report, found, serials):
    """Differences of rests_on: the vantage points without which a fail is none."""
    rests = {key: [] for key, row in found.items() if row["verdict"] == "fail"}
    for vantage_point in sorted(v["id"] for v in report["vantage_points"] + (report.get("other_vantage_points") or [])) if rests else []:
        left = check.compute_without(serials, vantage_point)
        for key, names in rests.items():
            if key not in left or left[key]["verdict"] != "fail":
                names.append(vantage_point)
    return [f"{value_name(value_key(value))}: rests_on: SQL has {rests.get(value_key(value), [])}, the report {value.get('rests_on') or []}"
            for value in report["values"] if rests.get(value_key(value), []) != sorted(value.get("rests_on") or [])]


def run_letter(check, report):
    """Differences from the letter of RSSAC047."""
    check.prelude()
    check.views("rows.sql", "serials.sql")
    differences = []
    for title in ["with exclusions", "without exclusions"]:
        if title == "without exclusions":
            check.empty("exclusions")
        found = check.metrics()
        for value in report["values"]:
            key = value_key(value)
            own = value if title == "with exclusions" else value.get("without_exclusions") or {}
            row = found.pop(key, {"numerator": None, "denominator": None, "count": 0})
            got = {name: whole(row[name]) for name in ["numerator", "denominator", "count"]}
            if got["count"] or own.get("count"):  # else there is no data
                text = differing(got, {name: own.get(name) for name in got})
                differences += [f"{title}: {value_name(key)}: {text}"] if text else []
        differences += [f"{title}: {value_name(key)}: SQL has a value, the report nothing" for key in found]
        if not report["exclusions"]:
            break
    return differences


def run_new(check, report, rests_on, without, say):
    """Differences; without a vantage point its values are said, and compared only with rests_on."""
    found = check.compute()
    serials = check.serials()
    differences = None
    if rests_on or not without:
        differences = compare_values("with exclusions", found, report) + compare_rest(check, report)
    if rests_on:
        differences += check_rests_on(check, report, found, serials)
    if without:
        say_without(found, check.compute_without(serials, without), report, without, say)
    if differences is not None and report["exclusions"]:
        differences += compare_values("without exclusions", check.compute(exclusions=False), report)
    return differences


def say_without(before, after, report, vantage_point, say):
    """What becomes of every value."""
    for value in report["values"]:
        key = value_key(value)
        if key in before and key in after:
            old, new = got_value(before[key]), got_value(after[key])
            turned = f"  (with {vantage_point}: {old['verdict']})" if old["verdict"] != new["verdict"] else ""
            say(f"{value_name(key)}: {new['numerator']}/{new['denominator']} of {new['count']}: {new['verdict']}{turned}")


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    p.add_argument("--sql", action="store_true", help="print the statements as one script for DuckDB")
    p.add_argument("--timing", action="store_true", help="print how long each stored view and each metric took")
    p.add_argument("--letter", action="store_true", help="by the letter of RSSAC047, the statements in letter/")
    p.add_argument("--rests-on", action="store_true", help="compare also which vantage points each fail rests on")
    p.add_argument("--without", metavar="NNN", help="print the values without vantage point NNN")
    p.add_argument("lake")
    p.add_argument("report")
    return p


def run(args, engine, say=print):
    """Compares, says what differs and returns the exit code."""
    if args.letter and (args.rests_on or args.without):
        print("--letter goes with neither --rests-on nor --without", file=sys.stderr)
        return 2
    if args.sql and (args.letter or args.rests_on or args.without or args.engine != "duckdb"):
        print("--sql goes with no other option", file=sys.stderr)
        return 2
    report = json.loads(pathlib.Path(args.report).read_text())
    if not args.letter and report["schema"] == "mtric-report/1":
        print(f"{args.report} is of schema mtric-report/1, made by the letter of RSSAC047: check it with --letter", file=sys.stderr)
        return 2
    if args.sql:
        Check(Script(), args.lake, args.report).script()
        return 0
    check = Check(engine, args.lake, args.report, HERE / "letter" if args.letter else HERE, args.timing)
    differences = run_letter(check, report) if args.letter else run_new(check, report, args.rests_on, args.without, say)
    if differences is None:
        return 0
    for difference in differences:
        say(difference)
    say(f"{len(report['values'])} values, {len(differences)} differences ({engine.name})")
    return 1 if differences else 0


def main():
    args = parser().parse_args()
    return run(args, None if args.sql else start(args.engine, args.lake))


if __name__ == "__main__":
    sys.exit(main())
