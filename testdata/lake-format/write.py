#!/usr/bin/env python3
"""Writes a file of a lake as docs/lake-format.md specifies it, out of rows as JSON lines.

    write.py TABLE SCHEMA LAKE < rows      rows of one day, in any order
"""
import datetime
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from read import COLUMNS, KEYS, order


def arrow(kind):
    if isinstance(kind, list):
        return pa.list_(pa.field("element", kind[0], nullable=False))
    if isinstance(kind, dict):
        fields = [pa.field(n, t, nullable=may) for n, (t, may) in kind.items()]
        return pa.list_(pa.field("element", pa.struct(fields), nullable=False))
    return kind


def value(kind, v):
    if isinstance(v, list) and isinstance(kind, dict):
        return [{n: value(t, e[n]) for n, (t, _) in kind.items()} for e in v]
    if isinstance(v, str) and not isinstance(kind, list):
        if pa.types.is_timestamp(kind):
            return datetime.datetime.fromisoformat(v)
        if pa.types.is_binary(kind):
            return bytes.fromhex(v)
    return v


table, number, lake = sys.argv[1], int(sys.argv[2]), sys.argv[3]
columns = {c: v for c, v in COLUMNS[table].items() if v[2] <= number}
rows = [{c: value(columns[c][0], r[c]) for c in columns} for r in map(json.loads, sys.stdin)]
rows.sort(key=lambda r: order(r, table))
schema = pa.schema([pa.field(c, arrow(kind), nullable=may) for c, (kind, may, _) in columns.items()],
                   metadata={"mtric.schema": str(number), "mtric.version": "stranger"})
folder, name = os.path.join(lake, table), table + ".parquet"
if table in ("answers", "routes", "runs", "hours", "events"):
    at = KEYS[table][0]
    day = rows[0][at]
    assert all(r[at].date() == day.date() for r in rows), "rows of several days"
    folder, name = os.path.join(folder, f"yyyymm={day:%Y%m}"), f"{table}-{day:%Y%m%d}.parquet"
os.makedirs(folder, exist_ok=True)
part, path = os.path.join(folder, "." + name), os.path.join(folder, name)
pq.write_table(pa.Table.from_pylist(rows, schema), part, compression="zstd")
with open(part, "rb") as f:
    os.fsync(f.fileno())
os.replace(part, path)
