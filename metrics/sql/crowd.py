"""What RIPE Atlas' probes saw of the root in a time: the crowd's side of a comparison, from a lake of mtric import atlas.

usage: crowd.py [--engine duckdb|spark] [--identities FILE] [--timing] --from DAY --until DAY LAKE OUT
       crowd.py --sql --from DAY --until DAY LAKE

OUT becomes a folder of paths.csv, apart.csv and signs.csv. With --sql it computes nothing, and prints the statements as one
script for DuckDB.
"""

import argparse
import csv
import datetime
import pathlib
import re
import sys
import time

import engines

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = ["crowd_paths", "crowd_apart", "crowd_signs"]
# What several statements read is computed once. Of these, by engine, those with a row for each query or probe and hour are large.
STORED = {"sites", "pattern_lists", "own_patterns", "places", "dead", "texts", "named", "intercepted", "queries", "apart_counts", "crowd_hours",
          "probe_latencies", "probe_counts", "probe_values", "network_latencies", "network_counts"}
LARGE = {"places", "dead", "intercepted", "queries", "crowd_hours", "probe_latencies", "probe_counts", "probe_values", "network_latencies", "network_counts"}
# DuckDB reads the lake again for these: a table of them would be as large as the lake.
AGAIN = {"queries"}
VIEW = re.compile(r"\s*CREATE OR REPLACE TEMPORARY VIEW (\w+) AS\b(.*)", re.DOTALL)


class Crowd:
    def __init__(self, engine, lake, begin, until, identities, timing=False):
        self.engine, self.timing = engine, timing
        self.values = {"$LAKE": lake, "$IDENTITIES": identities, "$FROM": begin, "$UNTIL": until}
        self.stored = STORED - AGAIN if isinstance(engine, engines.DuckDB) else STORED

    def statements(self, name):
        """The statements of a file; comments may hold semicolons."""
        text = "\n".join(line for line in (HERE / "crowd" / name).read_text().splitlines() if not line.lstrip().startswith("--"))
        for key, value in self.values.items():
            text = text.replace(key, str(value).replace("'", "''"))
        return [statement for statement in text.split(";") if statement.strip()]

    def define(self):
        for name in [f"prelude-{self.engine.name}.sql", "apart.sql", "values.sql"]:
            for statement in self.statements(name):
                view, began = VIEW.match(statement), time.monotonic()
                if not view or view[1] not in self.stored:
                    self.engine.run(statement)
                    continue
                self.engine.store(view[1], view[2], large=view[1] in LARGE)
                self.took(view[1], began)

    def took(self, name, began):
        if self.timing:
            print(f"{name}\t{time.monotonic() - began:.1f} s", file=sys.stderr)

    def results(self):
        """Rows of each result, by its name."""
        self.define()
        found = {}
        for name in RESULTS:
            began = time.monotonic()
            found[name] = self.engine.rows(self.statements(f"{name}.sql")[0])
            self.took(name, began)
        return found

    def script(self):
        self.define()
        for name in RESULTS:
            self.engine.metric(name, self.statements(f"{name}.sql")[0])


def identities():
    return HERE.parent.parent / "engine" / "atlas" / "identity" / "identities.json"


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    p.add_argument("--identities", default=identities(), metavar="FILE", help="patterns of identities instead of the program's")
    p.add_argument("--timing", action="store_true", help="say on standard error how long each step took")
    p.add_argument("--sql", action="store_true")
    p.add_argument("--from", dest="begin", type=datetime.date.fromisoformat, required=True, metavar="DAY", help="first day, UTC: 2026-11-01")
    p.add_argument("--until", type=datetime.date.fromisoformat, required=True, metavar="DAY", help="the day after the last one")
    p.add_argument("lake", metavar="LAKE")
    p.add_argument("out", metavar="OUT", nargs="?")
    return p


def wrong(args):
    """What is wrong with the arguments, and what to do; None for nothing. A lake that is not on this machine is not looked at."""
    if args.begin >= args.until:
        return f"--until {args.until} is not after --from {args.begin}"
    if "://" in args.lake:
        return None
    lake = pathlib.Path(args.lake)
    if not (lake / "_atlas.json").is_file():
        return f"{lake} is not a lake of RIPE Atlas' results (it lacks _atlas.json); mtric import atlas makes one"
    if not any(lake.glob("answers/*/*.parquet")):
        return f"{lake} has no answers"
    if not (lake / "vantage_points" / "vantage_points.parquet").is_file():
        return f"{lake} has no table vantage_points; import it again with --probes"
    return None


def main():
    args = parser().parse_args()
    if mistake := wrong(args):
        parser().error(mistake)
    if args.sql:
        Crowd(engines.Script(), args.lake, args.begin, args.until, args.identities).script()
        return
    if not args.out:
        parser().error("OUT is missing")
    crowd = Crowd(engines.start(args.engine, args.lake), args.lake, args.begin, args.until, args.identities, args.timing)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in crowd.results().items():
        with open(out / f"{name.removeprefix('crowd_')}.csv", "w", newline="") as f:
            if rows:
                writer = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
