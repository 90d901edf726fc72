"""Draws tiny lakes with everything that can be missing or wrong, and writes them as a lake and a full.json."""

import datetime
import json
import random

import pyarrow
import pyarrow.parquet

STEP = 300_000_000  # an interval in µs
PATHS = [("ipv4", "udp"), ("ipv4", "tcp"), ("ipv6", "udp"), ("ipv6", "tcp")]
FIRST = int(datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc).timestamp()) * 1_000_000
STAMP = pyarrow.timestamp("us", tz="UTC")
ANSWERS = pyarrow.schema([
    ("vantage_point", pyarrow.string()), ("interval", STAMP), ("sent_at", STAMP), ("query", pyarrow.string()), ("rsi", pyarrow.string()),
    ("family", pyarrow.string()), ("transport", pyarrow.string()), ("address", pyarrow.string()), ("outcome", pyarrow.string()),
    ("latency_us", pyarrow.int64()), ("rcode", pyarrow.string()), ("tc", pyarrow.bool_()), ("serial", pyarrow.int64()), ("verdict", pyarrow.string())])
RUNS = pyarrow.schema([("vantage_point", pyarrow.string()), ("interval", STAMP), ("clock_synchronized", pyarrow.bool_()), ("received_at", STAMP)])
ZONES = pyarrow.schema([("serial", pyarrow.int64()), ("state", pyarrow.string()), ("first_seen", STAMP), ("archived_at", STAMP),
                        ("signed_at", STAMP), ("first_used", STAMP)])


class Lake:
    def __init__(self, seed):
        self.random = r = random.Random(seed)
        self.labels = [FIRST + i * STEP for i in range(r.randint(10, 30))]
        self.start = self.labels[r.randint(0, 4)]
        self.until = self.start + r.randint(4, 20) * STEP
        self.data_until = self.labels[-1] + r.choice([1, 1, 0, -2]) * STEP
        self.received_until = None if r.random() < 0.5 else self.labels[-1] + 3600_000_000
        self.bad = r.choice([0.02, 0.1, 0.3])  # how much goes wrong
        self.wrong = r.choice([0, 0, 0, 1])  # in sixty answers
        self.lost = r.choice([0, 0, 0.01, 0.05, 0.2])  # how much is missing
        self.thresholds = {"availability": r.choice(["96", "60", "99.999"]), "correctness": r.choice(["100", "100", "90"]),
                           "udp": "250", "tcp": "300.5", "rsi_publication": str(r.choice([5, 10, 15])), "rss_publication": str(r.choice([0, 5, 10]))}
        self.vantage_points = [{"id": f"90{i}", **self.dates(0.3)} for i in range(1, r.choice([1, 2, 2, 3, 4]) + 1)]
        if r.random() < 0.4:  # those that had gone before the period, and those that came after it
            self.vantage_points.append({"id": "908", "from": None, "until": self.start + r.choice([0, 0, -1_000_000])})
            self.vantage_points.append({"id": "909", "from": self.until + r.choice([0, 0, 1_000_000]), "until": None})
        self.rsis = [{"rsi": name, "addresses": self.addresses(i)} for i, name in enumerate("abcde"[:r.randint(2, 5)])]
        self.exclusions = [self.exclusion() for _ in range(r.choice([0, 0, 1, 3]))]
        self.draw_zones()
        self.draw_runs()
        self.answers = []
        for t in self.labels if r.random() < 0.97 else []:
            for v in [v["id"] for v in self.vantage_points] + ["999"][: r.randint(0, 1)]:
                if r.random() >= self.lost / 2 and not (v == "901" and self.silent[0] <= t < self.silent[1]):
                    self.draw_run(t, v)

    def dates(self, share):
        """Maybe a start, maybe an end, not always at a label."""
        r = self.random
        def draw(low, high):
            return r.choice(self.labels[low:high]) + r.choice([0, 0, 1_000_000, -1_000_000]) if r.random() < share else None
        return {"from": draw(0, len(self.labels) // 2), "until": draw(len(self.labels) // 2, len(self.labels))}

    def addresses(self, i):
        r, found = self.random, []
        for family, first, second in [("ipv4", f"192.0.2.{i + 1}", f"192.0.2.{i + 101}"), ("ipv6", f"2001:db8:{i}::35", f"2001:db8::{i}:0")]:
            if family == "ipv6" and r.random() < 0.15:
                continue
            dates = self.dates(0.15)
            found.append({"family": family, "address": first, **dates})
            if dates["until"] and r.random() < 0.6:
                found.append({"family": family, "address": second, "from": dates["until"] + r.choice([0, 2]) * STEP, "until": None})
        return found

    def exclusion(self):
        r = self.random
        start = r.choice(self.labels) + r.choice([0, 1])
        return {"from": start, "until": start + r.randint(1, 8) * STEP,
                "vantage_points": r.sample(["901", "902"], r.randint(0, 1)),
                "rsis": r.sample([x["rsi"] for x in self.rsis], r.choice([0, 0, 1, 2])),
                "paths": ["/".join(p) for p in r.sample(PATHS, r.choice([0, 0, 1, 2, 4]))]}

    def draw_zones(self):
        r, self.zones, self.births = self.random, [], []
        serial, t = r.choice([2026110100, 4294967294]), FIRST - 50 * STEP
        while t < self.labels[-1]:
            state = r.choice(["archived"] * 5 + ["seen", "bogus", None])
            archived = t + r.choice([0, 1, 400]) * 60_000_000 + r.choice([0, 1]) if state == "archived" else None
            self.births.append((t, serial))
            if state:
                self.zones.append({"serial": serial, "state": state, "first_seen": t if r.random() < 0.8 else None, "archived_at": archived,
                                   "signed_at": t - r.choice([600, 60, -200, -400]) * 1_000_000 if r.random() < 0.7 else None,
                                   "first_used": archived and t + r.choice([0, 0, 70]) * 1_000_000})
            serial = (serial + r.randint(1, 2)) % 2**32
            t = max(t, FIRST - STEP) + r.randint(2, 12) * STEP
        archived = [z["archived_at"] for z in self.zones if z["archived_at"]]
        self.archived_until = r.choice([max(archived), max(archived), r.choice(archived) - r.choice([0, 1]), None]) if archived else None
        self.strange = (serial + 50) % 2**32
        self.accepted = [z["serial"] for z in self.zones if z["state"] != "bogus"] if r.random() < 0.5 else None
        self.lags = {(x["rsi"], v["id"]): r.choice([0, 0, 0, 1, 3, 9]) * STEP for x in self.rsis for v in self.vantage_points}
        self.hidden = {s for _, s in self.births[2:] if r.random() < 0.15}  # shown to one vantage point alone, or to nobody
        start = r.choice(self.labels)
        self.silent = (start, start + r.choice([0, 0, 3, 8]) * STEP)

    def draw_runs(self):
        r, self.runs = self.random, []
        for t in self.labels:
            for v in self.vantage_points:
                if r.random() < 0.9:
                    self.runs.append({"vantage_point": v["id"], "interval": t, "clock_synchronized": r.choice([True] * 20 + [None, None, False]),
                                      "received_at": t + r.choice([60] * 30 + [-1]) * 1_000_000,
                                      "ingested_at": r.choice([None, t, t, t, t, t, self.labels[-1] + 7200_000_000])})
        if r.random() < 0.5:  # a lake of an earlier version
            for run in self.runs:
                run["ingested_at"] = None

    def draw_run(self, t, v):
        r = self.random
        unable = r.random() < self.lost / 4
        for x in self.rsis:
            down = r.random() < self.bad / 4
            for family, transport in PATHS:
                if r.random() >= self.lost / 2:
                    self.answers.append(self.answer(t, v, x, "soa", family, transport, down, unable))
            for family, transport in r.sample(PATHS, r.choice([0] + [1] * 8 + [2])):
                self.answers.append(self.answer(t, v, x, "correctness", family, transport, down, unable))
        if r.random() < 0.02:  # more serials than a run may show
            for i in range(r.choice([12, 20])):
                row = self.answer(t, v, {"rsi": f"z{i}", "addresses": []}, "soa", "ipv4", "udp", False, False)
                self.answers.append({**row, "outcome": "answered", "rcode": "NOERROR", "serial": 1000 + i})

    def answer(self, t, v, x, query, family, transport, down, unable):
        r = self.random
        own = [a["address"] for a in x["addresses"] if a["family"] == family and (a["from"] or 0) <= t and t < (a["until"] or t + 1)]
        other = [a["address"] for a in x["addresses"]] + ["192.0.2.250"]
        address = r.choice(other) if not own or r.random() < self.lost / 4 else own[0]
        if family == "ipv6" and r.random() < 0.3:
            address = address.replace("2001:db8:", "2001:0DB8:").replace("::35", ":0:0:0:0:35")
        row = {"vantage_point": v, "interval": t, "sent_at": t + r.randint(0, 60_000_000), "query": query, "rsi": x["rsi"], "family": family,
               "transport": transport, "address": address, "outcome": "answered", "latency_us": r.choice([r.randint(1000, 600_000), 250_000, 300_500, 300_501]),
               "rcode": "NOERROR", "tc": False, "serial": None, "verdict": None}
        if unable or r.random() < self.lost / 4:
            return {**row, "outcome": "local_error", "sent_at": None, "latency_us": None, "rcode": None, "tc": None}
        if down or r.random() < self.bad / 4:
            return {**row, "outcome": r.choice(["timeout", "refused"]), "latency_us": None, "rcode": None, "tc": None}
        if r.random() < self.bad / 6:
            row["latency_us"] = r.choice([4_000_000, 4_000_001])
        if r.random() < self.bad / 6:
            row["rcode"] = r.choice(["SERVFAIL", "NXDOMAIN"])
        if query == "soa" and r.random() >= self.bad / 8:
            row["serial"] = self.serial(t, v, x["rsi"])
        if query == "correctness":
            row["verdict"] = r.choice(["correct"] * 60 + ["unchecked", None] + ["incorrect"] * self.wrong)
            row["tc"] = r.random() < 0.02
        return row

    def serial(self, t, v, rsi):
        r = self.random
        if r.random() < self.bad / 20:
            return self.strange
        lag = self.lags.get((rsi, v), 0) + r.choice([0] * 12 + [STEP, 2 * STEP])
        return [s for born, s in self.births if born <= t - lag and (s not in self.hidden or v == "901" and s % 2)][-1]

    def write(self, folder):
        """Writes the lake below folder, and its full.json, whose path it returns."""
        runs = RUNS if all(run["ingested_at"] is None for run in self.runs) else RUNS.append(pyarrow.field("ingested_at", STAMP))
        for table, schema, rows in [("answers", ANSWERS, self.answers), ("runs", runs, self.runs)]:
            if rows:
                (folder / table / "yyyymm=202611").mkdir(parents=True)
                pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), folder / table / "yyyymm=202611" / f"{table}.parquet")
        if self.zones:
            (folder / "zones").mkdir()
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(self.zones, ZONES), folder / "zones" / "zones.parquet")
        full = folder / "full.json"
        full.write_text(json.dumps(self.report()))
        return full

    def report(self):
        def when(us):
            return us if us is None else datetime.datetime.fromtimestamp(us / 1_000_000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

        def dated(thing):
            return {**thing, "from": when(thing["from"]), "until": when(thing["until"])}

        def outside(v):
            return v["from"] is not None and v["from"] >= self.until or v["until"] is not None and v["until"] <= self.start

        t = self.thresholds
        values = [(f"{who}_{what}", transport, t[what]) for who in ["rsi", "rss"] for what in ["availability", "correctness"] for transport in [None]]
        values += [(f"{who}_response_latency", transport, t[transport]) for who in ["rsi", "rss"] for transport in ["udp", "tcp"]]
        values += [(f"{who}_publication_latency", None, t[f"{who}_publication"]) for who in ["rsi", "rss"]]
        return {"schema": "mtric-report/2", "from": when(self.start), "until": when(self.until), "data_until": when(self.data_until),
                "received_until": when(self.received_until), "archived_until": when(self.archived_until), "accepted": self.accepted,
                "rsis": [{"rsi": x["rsi"], "addresses": [dated(a) for a in x["addresses"]]} for x in self.rsis],
                "vantage_points": [dated(v) for v in self.vantage_points if not outside(v)],
                "other_vantage_points": [dated(v) for v in self.vantage_points if outside(v)], "exclusions": [dated(x) for x in self.exclusions],
                "values": [{"metric": m, "transport": p, "threshold": float(x)} for m, p, x in values]}
