"""The engines that compute the statements: what each stores, and how it is started."""

import os
import pathlib

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


class DuckDB:
    name, text, stored = "duckdb", "VARCHAR", STORED

    def __init__(self):
        import duckdb

        self.connection = duckdb.connect()
        self.connection.execute("SET enable_progress_bar = false")  # it would stand among the lines that are printed

    def rows(self, sql):
        result = self.connection.execute(sql)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]

    def run(self, sql):
        self.connection.execute(sql)

    def store(self, name, select, large=None):
        self.connection.execute(f"CREATE OR REPLACE TEMPORARY TABLE {name} AS {select}")

    def another(self):
        return DuckDB()


class Script(DuckDB):
    """Prints what DuckDB would run. Each metric becomes a table, which is shown."""

    def __init__(self):
        pass

    def run(self, sql):
        print(sql.strip() + ";\n")

    def store(self, name, select, large=None):
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

    def store(self, name, select, large=None):
        """Keeps what a statement selects; large is whether it stays where it is computed, by default for those of LARGE."""
        frame = self.session.sql(select)
        if not (name in LARGE if large is None else large):
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
