#!/usr/bin/env python3
"""Reads files of mtric as docs/lake-format.md specifies them, checks what the page
promises, and prints the rows as JSON lines in the order of the key.

    read.py TABLE FILE...      files of a lake, or of vantage points with their sidecars
"""
import datetime
import hashlib
import json
import os
import re
import sys

import pyarrow as pa
import pyarrow.parquet as pq

T = pa.timestamp("us", tz="UTC")
S, I32, I64, B, BIN = pa.string(), pa.int32(), pa.int64(), pa.bool_(), pa.binary()
HOPS = {"ttl": (I32, False), "address": (S, True), "rtt_us": (I64, True)}
REPLIES = {"ttl": (I32, False), "reply_ttl": (I32, True), "icmp_type": (I32, True), "icmp_code": (I32, True)}
EXTRA = {"kind": (S, False), "after_us": (I64, False), "wire": (BIN, False)}


def columns(text, types):
    """Reads "name type since", the type with ? where it may be null."""
    all = {}
    for line in text.split(","):
        name, kind, since = line.split()
        all[name] = (types[kind.rstrip("?")], kind.endswith("?"), int(since))
    return all


TYPES = {"S": S, "T": T, "i": I32, "l": I64, "b": B, "x": BIN, "d": pa.float64(), "texts": [S], "hops": HOPS, "replies": REPLIES, "extra": EXTRA,
         "buckets": {"bucket": (I32, False), "count": (I32, False)}, "servers": {"nsid": (S, True), "answers": (I32, False)}}
COLUMNS = {
    "answers": columns("""vantage_point S 1, interval T 1, sent_at T? 1, query S 1, rsi S 1, family S 1, transport S 1, address S 1,
        qname S 1, qtype S 1, outcome S 1, error S? 1, latency_us l? 1, connect_us l? 1, rcode S? 1, aa b? 1, tc b? 1, attempts i 1,
        serial l? 1, nsid S? 1, strays i 1, response_size i? 1, response x? 1, verdict S? 1, verdict_serial l? 1, failures texts 1,
        source_port i? 2, reply_ttl i? 2, first_latency_us l? 2, first_response x? 2, tcp_retransmits i? 2, extra extra? 2,
        qclass S? 3, zone_serial l? 3, dnssec S? 3, expected b? 3, tls_us l? 3, tls_auth S? 3, tls_version S? 3, tls_spki S? 3,
        tls_not_after T? 3""", TYPES),
    "routes": columns("""vantage_point S 1, interval T 1, started_at T 1, rsi S 1, family S 1, address S 1, method S 1, stop_reason S 1,
        reached b 1, complete b 1, hop_count i 1, hops hops 1, source S? 2, hop_replies replies? 2""", TYPES),
    "runs": columns("""vantage_point S 1, interval T 1, started_at T 1, jitter_ms i 1, elapsed_ms i 1, planned i 1, answered i 1,
        engine_version S 1, plan S 1, plan_sha256 S 1, clock_synchronized b? 1, clock_error_us l? 1, timestamps S 1, received_at T 1,
        file S 1, sha256 S 1, source_ipv4 S? 2, source_ipv6 S? 2, ingested_at T? 2""", TYPES),
    "zones": columns("""serial l 1, first_seen T? 1, first_seen_rsi S? 1, archived_at T? 1, source S? 1, sha256 S? 1, state S 1,
        signed_at T? 2, first_used T? 2, proof S? 2""", TYPES),
    "vantage_points": columns("""vantage_point S 2, from T? 2, until T? 2, region S 2, metro S 2, provider S? 2, host S 2, latitude d? 2,
        longitude d? 2, asn l? 2, country S? 3, asn_ipv4 l? 3, asn_ipv6 l? 3, prefix_ipv4 S? 3, prefix_ipv6 S? 3, tags texts? 3""", TYPES),
    "zone_serials": columns("""zone S 3, serial l 3, source S 3, first_seen T 3, last_seen T 3""", TYPES),
    "hours": columns("""vantage_point S 3, hour T 3, query S 3, rsi S 3, family S? 3, transport S? 3, planned i 3, sent i 3, answered i 3, good i 3,
        latency_median_us l? 3, latency_max_us l? 3, latency_histogram buckets? 3, serial_oldest l? 3, serial_newest l? 3,
        instances servers 3, strays i 3, incorrect i 3, unchecked i 3, off_plan i 3""", TYPES),
    "events": columns("""id S 3, kind S 3, rsi S? 3, vantage_point S? 3, family S? 3, transport S? 3, serial l? 3, from T 3, until T 3,
        open b 3, labels_bad i 3, labels_seen i 3, vantage_points texts 3, worst d? 3, before S? 3, after S? 3,
        superseded_by S? 3""", TYPES),
}
KEYS = {"answers": ["interval", "vantage_point", "query", "rsi", "family", "transport"], "routes": ["interval", "vantage_point", "rsi", "family"],
        "runs": ["interval", "vantage_point"], "zones": ["serial"], "vantage_points": ["vantage_point", "from"],
        "zone_serials": ["zone", "serial"],
        "hours": ["hour", "vantage_point", "query", "rsi", "family", "transport"], "events": ["from", "id"]}
CLOSED = {"outcome": "answered timeout refused unreachable reset malformed tls_failed local_error", "verdict": "correct incorrect unchecked",
          "family": "ipv4 ipv6", "transport": "udp tcp tls", "dnssec": "secure bogus unchecked",
          "tls_auth": "name pin none expired not_yet_valid name_mismatch untrusted pin_mismatch", "timestamps": "kernel user", "state": "archived seen bogus",
          "proof": "archive signature witnesses none"}


def fail(why):
    sys.exit(f"{path}: {why}")


def check(name, want, nullable, field):
    """Holds a column of the file against the page."""
    if isinstance(want, list | dict) and pa.types.is_list(field.type):
        inner = field.type.value_type
        if isinstance(want, list) and inner == want[0]:
            return
        if isinstance(want, dict) and pa.types.is_struct(inner) and {f.name for f in inner} == set(want):
            return [check(name + "." + f.name, *want[f.name], f) for f in inner]
    elif not isinstance(want, list | dict) and field.type == want:
        return
    fail(f"column {name} is {field.type}")


def text(value):
    """Writes a value as mtric export does."""
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.hex() if isinstance(value, bytes) else value


def order(row, table):
    return [(row[c] is not None, row[c].encode() if isinstance(row[c], str) else row[c]) for c in KEYS[table]]


def sent(meta, rows):
    """Checks what only a vantage point's file has: name, sidecar and metadata."""
    stamp, vp = re.fullmatch(r"(\d{12})-(\d{3})\.(?:answers|routes)\.parquet", os.path.basename(path)).groups()
    want, name = open(path + ".sha256").read().rstrip("\n").split("  ")
    if name != os.path.basename(path) or want != hashlib.sha256(open(path, "rb").read()).hexdigest():
        fail("the sidecar does not match")
    run, label = json.loads(meta["mtric.run"]), datetime.datetime.strptime(stamp + "+0000", "%Y%m%d%H%M%z")
    if run["vantage_point"] != vp or datetime.datetime.fromisoformat(run["interval"]) != label or run["plan_sha256"] != meta["mtric.plan_sha256"]:
        fail("mtric.run is of another interval")
    for row in rows:
        if row["vantage_point"] != vp or row["interval"] != label or row.get("verdict") or row.get("failures"):
            fail("a row is not of this interval, or judged")
    if ".answers." in path and [run["planned"], run["answered"]] != [len(rows), sum(r["outcome"] == "answered" for r in rows)]:
        fail("mtric.run counts otherwise")


def read(table):
    file = pq.ParquetFile(path)
    meta = {k.decode(): v.decode() for k, v in (file.metadata.metadata or {}).items() if k.startswith(b"mtric.")}
    have, every = {f.name: f for f in file.schema_arrow}, COLUMNS[table]
    number = int(meta.get("mtric.schema", max([every[c][2] for c in have if c in every], default=1)))
    if number > 3:
        fail("needs a newer reader")
    want = {c for c in every if every[c][2] <= number}
    if want != set(have):
        fail(f"columns of schema {number}: {sorted(want ^ set(have))} are missing or unknown")
    for name in want:
        check(name, *every[name][:2], have[name])
    rows = [{c: row.get(c) for c in every} for row in file.read().to_pylist()]
    before = None
    for row in rows:
        for name, (kind, nullable, _) in every.items():
            value = row[name]
            if value is None and not nullable or value is not None and name in CLOSED and value not in CLOSED[name].split():
                fail(f"column {name}: {value}")
            for element in value if isinstance(value, list) else []:
                if element is None or isinstance(kind, dict) and any(element[f] is None and not kind[f][1] for f in kind):
                    fail(f"column {name}: {element}")
        if before is not None and order(before, table) >= order(row, table):
            fail("rows are out of order, or two share a key")
        before = row
    day = re.search(r"-(\d{8})\.parquet$", path)
    if day and any(r[KEYS[table][0]].strftime("%Y%m%d") != day[1] for r in rows):
        fail("a row is of another day")
    if "mtric.run" in meta:
        sent(meta, rows)
    return rows


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else text(value)


if __name__ == "__main__":
    for path in sys.argv[2:]:
        for row in read(sys.argv[1]):
            print(json.dumps(plain(row), separators=(",", ":"), ensure_ascii=False))
