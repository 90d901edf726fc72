"""Several checks in one session of an engine: over a small lake Spark takes longer to start than to compute.

usage: session.py [--engine duckdb|spark] COMMAND...
Each command is one argument: "check.py …" or "test_drawn.py …", as it would be given without --engine.

Exit 0: all is equal. Exit 1: not.
"""

import argparse
import shlex
import sys
import time

import check
import test_drawn

SCRIPTS = {"check.py": check, "test_drawn.py": test_drawn}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    parser.add_argument("commands", nargs="+", metavar="COMMAND")
    args = parser.parse_args()
    engine, worst = check.start(args.engine), 0
    for command in args.commands:
        name, *rest = shlex.split(command)
        script, began = SCRIPTS[name], time.monotonic()
        print(f"$ {command}")
        worst = max(worst, script.run(script.parser().parse_args(rest), engine))
        print(f"{time.monotonic() - began:.1f} s", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
