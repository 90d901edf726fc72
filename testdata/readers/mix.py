"""Write a lake anew with days of schema 1 and of schema 3.

usage: mix.py LAKE OUT DAY...

The days named (YYYYMMDD, or "zones" for that table) get the columns of schema 3, all others those of schema 1. Values of
new columns are made up, so that queries find some. OUT also has a table vantage_points where any day is of schema 3.
"""

import datetime
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

TIME = pa.timestamp("us", tz="UTC")
EXTRA = pa.list_(pa.struct([pa.field("kind", pa.string(), False), pa.field("after_us", pa.int64(), False), pa.field("wire", pa.binary())]))
REPLY = pa.list_(pa.struct([pa.field("ttl", pa.int32(), False), ("reply_ttl", pa.int32()), ("icmp_type", pa.int32()), ("icmp_code", pa.int32())]))
# Each new column with its type and the value of a row, or None: every lake of today has it.
NEW = {
    "answers": {
        "source_port": (pa.int32(), lambda r: 32768),
        "reply_ttl": (pa.int32(), lambda r: 50 if r["transport"] == "udp" and r["outcome"] == "answered" else None),
        "first_latency_us": (pa.int64(), lambda r: None),
        "first_response": (pa.binary(), lambda r: None),
        "tcp_retransmits": (pa.int32(), lambda r: 0 if r["transport"] == "tcp" else None),
        "extra": (EXTRA, lambda r: [{"kind": "late", "after_us": 5000000, "wire": b"\0\1"}] if r["outcome"] == "timeout" else []),
        "qclass": (pa.string(), lambda r: None),
        "zone_serial": (pa.int64(), lambda r: None),
        "dnssec": (pa.string(), lambda r: None if r["outcome"] != "answered" else "bogus" if r["transport"] == "tcp" else "secure"),
        "expected": (pa.bool_(), lambda r: None),
        "tls_us": (pa.int64(), lambda r: None),
        "tls_auth": (pa.string(), lambda r: None),
        "tls_version": (pa.string(), lambda r: None),
        "tls_spki": (pa.string(), lambda r: None),
        "tls_not_after": (TIME, lambda r: None),
    },
    "runs": {"ingested_at": None, "source_ipv4": (pa.string(), lambda r: "192.0.2.1"), "source_ipv6": (pa.string(), lambda r: "2001:db8::1")},
    "routes": {"source": (pa.string(), lambda r: "192.0.2.1"), "hop_replies": (REPLY, lambda r: [])},
    "zones": {"signed_at": None, "first_used": None, "proof": None},
}
VANTAGE_POINTS = pa.table(
    {
        "vantage_point": ["901", "902"], "from": pa.array([None, datetime.datetime(2026, 11, 1)], TIME),
        "until": pa.array([None, datetime.datetime(2026, 11, 2)], TIME),
        "region": ["europe", "asia"], "metro": ["ams", "nrt"], "provider": ["one", "two"], "host": ["a", "b"],
        "latitude": [52.3, None], "longitude": [4.8, None], "asn": pa.array([64496, None], pa.int64()),
    }
)


def of_schema(table, name, new):
    rows = None
    for column, made in NEW[name].items():
        if made is None and new:
            continue
        if column in table.column_names:
            table = table.drop_columns([column])
        if new:
            kind, value = made
            rows = rows or table.select([c for c in ["transport", "outcome"] if c in table.column_names]).to_pylist()
            table = table.append_column(pa.field(column, kind), pa.array(map(value, rows or [{}] * table.num_rows), kind))
    metadata = {**(table.schema.metadata or {}), b"mtric.schema": b"3" if new else b"1"}
    return table.replace_schema_metadata(metadata)


def main(lake, out, *days):
    out = pathlib.Path(out)
    for file in sorted(pathlib.Path(lake).rglob("*.parquet")):
        name = file.name.split("-")[0].removesuffix(".parquet")
        if name not in NEW:
            continue
        to = out / file.relative_to(lake)
        to.parent.mkdir(parents=True, exist_ok=True)
        new = file.stem.split("-")[-1] in days
        pq.write_table(of_schema(pq.read_table(file, partitioning=None), name, new), to, compression="zstd")
    if days:
        (out / "vantage_points").mkdir()
        pq.write_table(VANTAGE_POINTS, out / "vantage_points" / "vantage_points.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
