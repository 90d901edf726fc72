"""Tiny drawn lakes: the SQL equals nested loops that follow docs/method.md word for word.

usage: test_drawn.py [--engine duckdb|spark] [--lakes N] [--seed S]

Exit 0: every number of every lake is equal. Exit 1: not; the first lake that differs is kept.
"""

import argparse
import collections
import pathlib
import shutil
import sys
import tempfile

import check
import drawn_lakes
import drawn_loops

COLUMNS = ["numerator", "denominator", "count", "censored", "verdict", "thin", "held", "unobservable"]


def differences(title, found, want):
    for key in sorted(found.keys() | want.keys(), key=str):
        if key not in found or key not in want:
            yield f"{title}: {check.value_name(key)}: only {'the loops have' if key in want else 'SQL has'} it"
            continue
        got = {**check.got_value(found[key]), "planned": check.whole(found[key]["planned"]), "sent": check.whole(found[key]["sent"])}
        if "low_numerator" in found[key]:
            got |= check.got_bounds(found[key])
        for name, number in want[key].items():
            if got[name] != number:
                yield f"{title}: {check.value_name(key)}: {name}: SQL has {got[name]}, the loops {number}"


def compare(engine, lake, folder, tally):
    """All that differs between SQL and the loops on one lake."""
    full = lake.write(folder)
    checker = check.Check(engine, folder, full)
    loops = drawn_loops.Loops(lake)
    want = loops.values()
    tally.update((key[0], value["verdict"]) for key, value in want.items())
    tally.update(("thin" if value["thin"] else "whole", value["verdict"]) for value in want.values())
    yield from differences("with exclusions", checker.compute(), want)
    row = engine.rows(checker.statements(check.HERE / "coverage.sql")[0])[0]
    coverage = {name: check.whole(number) for name, number in row.items()}
    if coverage != loops.coverage():
        yield f"coverage: SQL has {coverage}, the loops {loops.coverage()}"
    published = sorted((int(r["serial"]), int(r["t_us"])) for r in engine.rows("SELECT serial, t_us FROM published"))
    if published != loops.published():
        yield f"publications: SQL has {published}, the loops {loops.published()}"
    tally["publications", "all"] += len(published)
    serials = checker.serials()
    for v in lake.vantage_points[:1]:
        yield from differences(f"without {v['id']}", checker.compute_without(serials, v["id"]), drawn_loops.Loops(lake, without=v["id"], base=loops).values())
    if lake.exclusions:
        yield from differences("without exclusions", checker.compute(exclusions=False), drawn_loops.Loops(lake, excluding=False).values())


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    p.add_argument("--lakes", type=int, default=100)
    p.add_argument("--seed", type=int, default=1)
    return p


def run(args, engine, say=print):
    """Draws and compares, says what differs and returns the exit code."""
    tally = collections.Counter()
    for seed in range(args.seed, args.seed + args.lakes):
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"mtric-drawn-{seed}-"))
        found = list(compare(engine, drawn_lakes.Lake(seed), folder, tally))
        if found:
            say("\n".join(found[:20]))
            say(f"lake {seed} differs in {len(found)} numbers; it is kept in {folder}")
            return 1
        shutil.rmtree(folder)
    for name, count in sorted(tally.items()):
        say("\t".join([*name, str(count)]))
    say(f"{args.lakes} lakes, no differences ({engine.name})")
    return 0


def main():
    args = parser().parse_args()
    return run(args, check.start(args.engine))


if __name__ == "__main__":
    sys.exit(main())
