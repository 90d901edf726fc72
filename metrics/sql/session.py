"""Several checks in one process of an engine, two at a time: over a small lake Spark takes longer to start than to compute.

usage: session.py [--engine duckdb|spark] COMMAND...
Each command is one argument: "check.py …" or "test_drawn.py …", as it would be given without --engine.

Exit 0: all is equal. Exit 1: not.
"""

import argparse
import concurrent.futures
import shlex
import sys
import time

import check
import test_drawn

SCRIPTS = {"check.py": check, "test_drawn.py": test_drawn}


def run(command, engine):
    """The exit code of a command, and what it says."""
    name, *rest = shlex.split(command)
    script, lines, began = SCRIPTS[name], [f"$ {command}"], time.monotonic()
    code = script.run(script.parser().parse_args(rest), engine, lines.append)
    return code, [*lines, f"{time.monotonic() - began:.1f} s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    parser.add_argument("commands", nargs="+", metavar="COMMAND")
    args = parser.parse_args()
    engine, worst = check.start(args.engine), 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for code, lines in pool.map(lambda command: run(command, engine.another()), args.commands):
            print("\n".join(lines), flush=True)
            worst = max(worst, code)
    return worst


if __name__ == "__main__":
    sys.exit(main())
