"""Holds the crowd's statements to plain loops over their definitions, on lakes that are given and on tiny drawn ones, in which there
is all that sets queries apart.

usage: test_crowd.py [--engine duckdb|spark] [--lakes N] [--seed N] [LAKE...]
A LAKE is of mtric import atlas; its first and last day bound the period.

Exit 0: all is equal. Exit 1: not.
"""

import argparse
import collections
import datetime
import fractions
import json
import pathlib
import random
import re
import statistics
import sys
import tempfile

import crowd
import engines
import pyarrow as pa
import pyarrow.parquet as pq

UTC = datetime.timezone.utc
DAY, HOUR, HALF = 86_400, 3_600, 1_800
START = datetime.datetime(2026, 11, 20, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
ANSWERS = pa.schema([
    ("interval", TIME), ("vantage_point", pa.string()), ("query", pa.string()), ("rsi", pa.string()), ("family", pa.string()), ("transport", pa.string()),
    ("outcome", pa.string()), ("rcode", pa.string()), ("latency_us", pa.int64()), ("aa", pa.bool_()), ("serial", pa.int64()), ("nsid", pa.string()),
    ("strays", pa.int32()), ("response", pa.binary()),
])
SITES = pa.schema([
    ("vantage_point", pa.string()), ("from", TIME), ("until", TIME), ("region", pa.string()), ("asn_ipv4", pa.int64()), ("asn_ipv6", pa.int64()),
    ("tags", pa.list_(pa.string())),
])
TEXTS = ["b1-lax", "B2-AMS", "ns1.nl-ams.k.ripe.net", "ns1.nl-ams.k.ripe.net.", "nnn1-fra5", "c01.AMS.eroot", "FRA.cf.f.root-servers.org", "dnsmasq-2.90",
         " gpdns-fra ", "res100.fra.rrdns.pch.net", "bah01.l.root-servers.org", "LHR", "9.18.1", "what is it", "b1-lax x", "", "x" * 255]


def wire(text, flags=0x8400, strings=1):
    """A response to hostname.bind CH TXT."""
    data = b"".join(bytes([len(part)]) + part for part in [text.encode("latin1")] * strings)
    question = b"\x08hostname\x04bind\x00\x00\x10\x00\x03"
    return (b"\x12\x34" + flags.to_bytes(2, "big") + b"\x00\x01\x00\x01\x00\x00\x00\x00" + question
            + b"\xc0\x0c\x00\x10\x00\x03\x00\x00\x00\x00" + len(data).to_bytes(2, "big") + data)


def busy(r, rows):
    """A probe that hears much over one path: a few strays among many answers are no interception, more are."""
    strange = r.randint(0, 8)
    heard = [("soa", rsi, 5 * n) for rsi in "abekl" for n in range(16)] + [("hostname_bind", "a", 5 * n) for n in range(12)]
    for n, (query, rsi, minute) in enumerate(heard):
        key = {"interval": START + datetime.timedelta(minutes=minute), "vantage_point": "atlas-99", "query": query, "rsi": rsi, "family": "ipv4", "transport": "udp"}
        rows[tuple(key.values())] = key | {"outcome": "answered", "rcode": "NOERROR", "aa": True, "latency_us": 1000, "strays": int(n < strange),
                                           "serial": 2026112000 if query == "soa" else None}


def drawn_row(r, probe, at, rsi):
    row = {"interval": at, "vantage_point": probe, "query": "soa", "rsi": rsi, "family": r.choice(["ipv4", "ipv6"]), "transport": r.choice(["udp", "tcp"]),
           "strays": r.choice([None] + [0] * 60 + [1])}
    outcome = r.choices(["answered", "timeout", "unreachable", "local_error"], [60, 25, 10, 5])[0]
    row["outcome"] = outcome
    if r.random() < 0.15:
        row["query"] = r.choice(["hostname_bind", "id_server", "atlas_1"])
        if outcome == "answered" and r.random() < 0.5:
            text = r.choice(TEXTS)
            row["response"] = wire(text, r.choice([0x8400] * 9 + [0x8180]), 2 if r.random() < 0.1 and len(text) < 200 else 1)
            row.update(rcode="NOERROR", aa=True, latency_us=1000)
    elif outcome == "answered":
        row.update(rcode=r.choices(["NOERROR", "SERVFAIL"], [9, 1])[0], latency_us=r.randint(1, 60) ** 3, aa=r.random() > 0.01)
        row["serial"] = 2026112000 if row["rcode"] == "NOERROR" else None
        if r.random() < 0.1:
            row["nsid"] = r.choice([*TEXTS, "0x" + r.choice(TEXTS).encode().hex() + "00", "0x0001", "0xnone"])
        if r.random() < 0.02:
            row["response"] = r.choice([wire("", 0x8580), wire("", 0x0480), b"\x12\x34\x85\x80"])
    return row


def drawn(r, folder):
    """A lake of two days, in which most rows of a probe lie in few half hours."""
    rows, sites = {}, []
    for number in range(1, r.randint(6, 12)):
        probe, alive = f"atlas-{number}", r.random() > 0.2
        for half in r.sample(range(96), r.randint(2, 12)):
            gone = not alive or r.random() < 0.2
            for _ in range(r.randint(1, 14)):
                row = drawn_row(r, probe, START + datetime.timedelta(minutes=30 * half + 5 * r.randint(0, 5)), r.choice("abekl"))
                if gone and row["outcome"] == "answered" and row["query"] == "soa":
                    row = {key: row[key] for key in ["interval", "vantage_point", "query", "rsi", "family", "transport", "strays"]} | {"outcome": "timeout"}
                rows[tuple(row[key] for key in ["interval", "vantage_point", "query", "rsi", "family", "transport"])] = row
        noon = START + datetime.timedelta(days=1)
        for begin, end in r.choice([[(None, None)], [(None, noon), (noon, None)], [(noon, None)], []]):
            both = ["system-ipv4-works", "system-ipv6-works"]
            tags = r.choice([None, [], both[:1], ["home", *both], both])
            sites.append({
                "vantage_point": probe, "from": begin, "until": end, "region": r.choice(["", "africa", "europe"]),
                "asn_ipv4": r.choice([None, 1, 2]), "asn_ipv6": r.choice([None, 1, 2]), "tags": tags})
    busy(r, rows)
    for name, table, schema in [("answers/yyyymm=202611/answers-20261120.parquet", list(rows.values()), ANSWERS),
                                ("vantage_points/vantage_points.parquet", sites, SITES)]:
        file = pathlib.Path(folder) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(table, schema), file)


class Patterns:
    def __init__(self, path):
        self.patterns = json.loads(pathlib.Path(path).read_text())["patterns"]

    def sign(self, rsi, text, day):
        text = text.strip(" ")
        if text.startswith("0x"):
            try:
                text = bytes.fromhex(text[2:]).rstrip(b"\x00").decode("latin1")
            except ValueError:
                pass
        text = text.strip(" ").removesuffix(".")
        if not re.fullmatch("[ -~]{1,255}", text):
            return None
        found = [p for p in self.patterns if re.fullmatch(p["pattern"], text, re.IGNORECASE)]
        if any(rsi in p.get("rsis", []) + p.get("shared", []) for p in found):
            return None
        strong = [p["kind"] for p in found if not p.get("weak") and p.get("from", "") <= day and day < p.get("until", "9")]
        return "identity of another root server" if "root" in strong else "identity of a resolver" if strong else None


def text_of(response):
    """The text of a response of one string, by its octets."""
    at = response.find(b"\xc0\x0c\x00\x10\x00\x03")
    if at < 12 or at + 13 > len(response):
        return None
    size, first = int.from_bytes(response[at + 10:at + 12], "big"), response[at + 12]
    return response[at + 13:at + 13 + first].decode("latin1") if size == first + 1 else None


def middle(values):
    return statistics.median(map(fractions.Fraction, values))


def place(sites, row):
    day = row["interval"].replace(hour=0, minute=0)
    for site in sites:
        if site["vantage_point"] == row["vantage_point"] and (not site["from"] or site["from"] <= day) and (not site["until"] or day < site["until"]):
            tags = site["tags"]
            return site[f"asn_{row['family']}"] or 0, site["region"] or "", tags is not None and f"system-{row['family']}-works" not in tags
    return 0, "", False


def second(row, length):
    return int(row["interval"].timestamp()) // length


def heard(row):
    return row["outcome"] == "answered" or bool(row["strays"])


def signs_of(row, patterns):
    if not heard(row):
        return
    if row["query"] == "soa" and row["outcome"] == "answered" and row["aa"] is False and row["serial"] is not None:
        yield "answer without AA"
    response = row["response"] or b""
    if len(response) >= 12 and response[2] & 0x80 and response[3] & 0x80:
        yield "RA set"
    if row["strays"]:
        yield "another question"
    texts = [row["nsid"]]
    if row["query"] in ("hostname_bind", "id_server", "version_bind") and row["outcome"] == "answered":
        texts.append(text_of(response))
    for text in texts:
        sign = text and patterns.sign(row["rsi"], text, row["interval"].strftime("%Y-%m-%d"))
        if sign:
            yield sign


def expected(rows, sites, patterns):
    signs, paths_of_days, halves = [], collections.defaultdict(list), collections.defaultdict(list)
    for row in rows:
        row["place"] = place(sites, row)
        row["sent"] = row["query"] == "soa" and row["outcome"] != "local_error"
        row["good"] = row["outcome"] == "answered" and row["rcode"] == "NOERROR"
        shown = list(signs_of(row, patterns))
        signs += [(sign, row) for sign in shown]
        if heard(row):
            paths_of_days[row["vantage_point"], row["family"], row["transport"], second(row, DAY), row["query"] == "soa"].append(bool(shown))
        if row["sent"]:
            halves[row["vantage_point"], row["family"], second(row, HALF)].append(row)
    intercepted = {key[:4] for key, of in paths_of_days.items() if sum(of) > 1 and 20 * sum(of) >= len(of)}
    dead = {key for key, of in halves.items() if len({row["rsi"] for row in of}) > 1 and not any(row["good"] for row in of)}
    apart, kept = collections.defaultdict(list), []
    for row in (row for row in rows if row["sent"]):
        kinds = [kind for kind, yes in {
            "intercepted": (row["vantage_point"], row["family"], row["transport"], second(row, DAY)) in intercepted,
            "no_network": (row["vantage_point"], row["family"], second(row, HALF)) in dead, "not_working": row["place"][2]}.items() if yes]
        for kind in kinds + ["all"] * bool(kinds):
            apart[kind].append(row)
        if not kinds:
            kept.append(row)
    by_sign = collections.defaultdict(list)
    for sign, row in signs:
        by_sign[sign, row["rsi"]].append(row)
    return {
        "crowd_apart": [{"kind": kind, "probes": probes_of(of), "asked": len(of), "good": sum(row["good"] for row in of)}
                        for kind, of in apart.items()],
        "crowd_signs": [{"sign": sign, "rsi": rsi, "probes": probes_of(of), "networks": len({row["place"][0] for row in of}), "answers": len(of)}
                        for (sign, rsi), of in by_sign.items()],
        "crowd_paths": paths(kept),
        "crowd_hours": hours(kept),
    }


def probes_of(rows):
    return len({row["vantage_point"] for row in rows})


def hours(kept):
    found = collections.defaultdict(list)
    for row in kept:
        at = second(row, HOUR) * HOUR * 1_000_000
        found[row["vantage_point"], *row["place"][:2], row["rsi"], row["family"], row["transport"], at].append(row)
    for key, of in found.items():
        good = [row["latency_us"] for row in of if row["good"]]
        yield dict(zip(["vantage_point", "network", "region", "rsi", "family", "transport", "hour_us"], key)) | {
            "asked": len(of), "good": len(good), "latency_2": int(2 * middle(good)) if good else None}


def paths(kept):
    regions = collections.defaultdict(list)
    for row in kept:
        for region in {"*", row["place"][1]}:
            regions[region, row["rsi"], row["family"], row["transport"]].append(row)
    return [path(*key, of) for key, of in regions.items()]


def path(region, rsi, family, transport, of):
    probes, networks = collections.defaultdict(list), collections.defaultdict(list)
    for row in of:
        probes[row["vantage_point"], *row["place"][:2]].append(row)
    for (_, network, _), rows in probes.items():
        hours = collections.defaultdict(list)
        for row in (row for row in rows if row["good"]):
            hours[second(row, HOUR)].append(row["latency_us"])
        good = sum(row["good"] for row in rows)
        latency = middle([middle(hour) for hour in hours.values()]) if hours else None
        networks[network].append((good * 1_000_000 // len(rows), latency))
    ppm = [middle([ppm for ppm, _ in values]) for values in networks.values()]
    told = [[latency for _, latency in values if latency is not None] for values in networks.values()]
    latencies = sorted(middle(values) for values in told if values)

    def rank(tenths):
        return int(latencies[-(-tenths * len(latencies) // 10) - 1])

    return {"region": region, "rsi": rsi, "family": family, "transport": transport, "probes": probes_of(of), "networks": len(networks),
            "asked": len(of), "good": sum(row["good"] for row in of), "availability_ppm": int(sum(ppm) / len(ppm)),
            "p10_us": rank(1) if latencies else None, "median_us": int(middle(latencies)) if latencies else None, "p90_us": rank(9) if latencies else None}


def differences(name, got, want):
    def lines(rows):
        return {" ".join(f"{key}={value}" for key, value in sorted(row.items())) for row in rows}

    return [f"{name}: SQL has {line}" for line in sorted(lines(got) - lines(want))] + [f"{name}: want {line}" for line in sorted(lines(want) - lines(got))]


def whole(rows):
    return [{key: int(value) if value is not None and not isinstance(value, str) else value for key, value in row.items()} for row in rows]


def check(engine, lake, title):
    lake = pathlib.Path(lake)
    files = sorted(lake.glob("answers/*/*.parquet"))
    rows = [row for file in files for row in pq.ParquetFile(file).read(columns=ANSWERS.names).to_pylist()]
    sites = pq.ParquetFile(lake / "vantage_points/vantage_points.parquet").read(columns=SITES.names).to_pylist()
    days = [row["interval"].date() for row in rows]
    begin, until = min(days), max(days) + datetime.timedelta(days=1)
    got = crowd.Crowd(engine, lake, begin, until, crowd.identities()).results()
    got["crowd_hours"] = engine.rows("SELECT * FROM crowd_hours")
    want, told = expected(rows, sites, Patterns(crowd.identities())), []
    for name in got:
        told += differences(name, whole(got[name]), want[name])
    for line in told[:10]:
        print(f"{title}: {line}")
    print(f"{title}: {len(rows)} rows, {len(want['crowd_paths'])} paths, {len(want['crowd_signs'])} signs, "
          f"{len(want['crowd_apart'])} kinds set apart, {len(told)} differences", flush=True)
    return told


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb")
    p.add_argument("--lakes", type=int, default=0, help="how many to draw")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("given", nargs="*", metavar="LAKE")
    args = p.parse_args()
    engine, bad = engines.start(args.engine), 0
    for lake in args.given:
        bad += bool(check(engine.another(), lake, lake))
    for seed in range(args.seed, args.seed + args.lakes):
        with tempfile.TemporaryDirectory() as folder:
            drawn(random.Random(seed), folder)
            bad += bool(check(engine.another(), folder, f"seed {seed}"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
