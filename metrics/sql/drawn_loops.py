"""Every value of a drawn lake by nested loops over slots: slow, and the same rules as docs/method.md has them."""

import fractions
import ipaddress

from drawn_lakes import PATHS, STEP

MINUTE = 60_000_000
NONE = float("inf")


def valid(thing, t):
    return (thing["from"] is None or thing["from"] <= t) and (thing["until"] is None or t < thing["until"])


def up(t):
    """The next label at or after t."""
    return -(-t // STEP) * STEP


def newer(a, b):
    """a > b by RFC 1982."""
    return 0 < (a - b) % 2**32 < 2**31


def whole_reply(row):
    return row["outcome"] == "answered" and row["latency_us"] <= 4_000_000


class Loops:
    def __init__(self, lake, excluding=True, without=None, base=None):
        self.lake, self.excluding, self.base = lake, excluding, base
        self.vantage_points = [v for v in lake.vantage_points if v["id"] != without]
        self.end = min(lake.until, lake.data_until)
        self.period = list(range(lake.start, up(self.end), STEP))
        self.rsis = [x["rsi"] for x in lake.rsis]
        self.addresses = {x["rsi"]: x["addresses"] for x in lake.rsis}
        self.bounds = {name: fractions.Fraction(text) for name, text in lake.thresholds.items()}
        runs = {(run["vantage_point"], run["interval"]): run for run in lake.runs}
        self.rows, serials = {}, {}
        for row in lake.answers:
            place = row["vantage_point"], row["interval"]
            run = runs.get(place, {"ingested_at": None})
            late = run["ingested_at"] is not None and (lake.received_until is None or run["ingested_at"] > lake.received_until)
            if row["interval"] < lake.data_until and not late:
                self.rows.setdefault((*place, row["query"], row["rsi"]), []).append(row)
            if row["query"] == "soa" and row["rcode"] == "NOERROR" and row["serial"] is not None:
                serials.setdefault(place, set()).add(row["serial"])
        self.untrusted = {p for p, s in serials.items() if len(s) > 16}
        self.untrusted |= {p for p, run in runs.items() if run["clock_synchronized"] is False or run["received_at"] < run["interval"]}
        self.zones = {z["serial"]: self.known(z) for z in lake.zones}
        self.accepted = set(lake.accepted) if lake.accepted is not None else {s for s, z in self.zones.items() if z["state"] != "bogus"}
        self.date()

    def known(self, zone):
        """A zone as the report knew it: what was archived later was not archived."""
        until = self.lake.archived_until
        if zone["archived_at"] is None or until is not None and zone["archived_at"] <= until:
            return zone
        return {**zone, "state": "seen" if zone["state"] == "archived" else zone["state"], "archived_at": None}

    # The plan.

    def own(self, rsi, family, t):
        return [ipaddress.ip_address(a["address"]) for a in self.addresses[rsi] if a["family"] == family and valid(a, t)]

    def n(self, t):
        return sum(1 for rsi in self.rsis if self.own(rsi, "ipv4", t) or self.own(rsi, "ipv6", t))

    def excluded(self, t, v, rsi, path, level):
        return self.excluding and any(
            x["from"] <= t < x["until"] and (not x["vantage_points"] or v in x["vantage_points"])
            and (not x["paths"] or "/".join(path) in x["paths"]) and (not x["rsis"] or level == "rsi" and rsi in x["rsis"])
            for x in self.lake.exclusions)

    def expected(self, t):
        return [v["id"] for v in self.vantage_points if valid(v, t)]

    def planned(self, t, v, rsi, path, level):
        return v in self.expected(t) and bool(self.own(rsi, path[0], t)) and not self.excluded(t, v, rsi, path, level)

    def on_plan(self, row, rsi, t):
        return ipaddress.ip_address(row["address"]) in self.own(rsi, row["family"], t)

    def soa(self, t, v, rsi, path):
        """What came of a planned slot, and its row."""
        rows = [row for row in self.rows.get((v, t, "soa", rsi), []) if (row["family"], row["transport"]) == path]
        if not rows:
            return "missing", None
        row = rows[0]
        if row["outcome"] == "local_error":
            return "unsent", row
        if not self.on_plan(row, rsi, t):
            return "off_plan", row
        return ("good" if whole_reply(row) and row["rcode"] == "NOERROR" else "bad"), row

    def correctness(self, t, v, rsi, level):
        """What came of a correctness slot (None: it is not planned), and the verdicts of its responses."""
        open_paths = [p for p in PATHS if self.planned(t, v, rsi, p, level)]
        in_frame = v in self.expected(t) and any(self.own(rsi, p[0], t) for p in PATHS)
        rows = self.rows.get((v, t, "correctness", rsi), []) if in_frame else []
        kept = [row for row in rows if not self.excluded(t, v, rsi, (row["family"], row["transport"]), level)]
        if not rows and not open_paths or rows and not kept:
            return None, []
        asked = [row for row in kept if row["outcome"] != "local_error" and self.on_plan(row, rsi, t)]
        if asked:
            return "sent", [verdict for verdict in map(self.judged, asked) if verdict]
        if not kept:
            return "missing", []
        return ("unsent" if any(row["outcome"] == "local_error" for row in kept) else "off_plan"), []

    @staticmethod
    def judged(row):
        if not whole_reply(row) or row["rcode"] not in ("NOERROR", "NXDOMAIN"):
            return None
        if row["verdict"] in ("correct", "incorrect"):
            return row["verdict"]
        return "held" if row["verdict"] == "unchecked" or not row["tc"] else None

    # Publications.

    def sightings(self, t, v, rsi, level):
        """Accepted serials in trusted sightings, and whether another serial was shown."""
        shown, strange = [], False
        for path in PATHS:
            if not self.planned(t, v, rsi, path, level):
                continue
            state, row = self.soa(t, v, rsi, path)
            if state != "good" or row["serial"] is None:
                continue
            signed = self.zones.get(row["serial"], {}).get("signed_at")
            strange |= row["serial"] not in self.accepted
            early = signed is not None and row["sent_at"] < signed - 5 * MINUTE
            if row["serial"] in self.accepted and not early and (v, t) not in self.untrusted:
                shown.append(row["serial"])
        return shown, strange

    def date(self):
        """T(s) of every serial, those of A10, those of the period."""
        first = {}
        for t in self.lake.labels:
            for v in self.expected(t):
                for rsi in self.rsis:
                    for s in self.sightings(t, v, rsi, "rss")[0]:
                        first.setdefault(s, {}).setdefault(v, t)
        self.t = {}
        for s, seen in first.items():
            t1, others = min(seen.values()), sorted(seen.values())[1:]
            archived = self.zones.get(s, {}).get("archived_at")
            t2 = others[:1] + ([up(archived)] if archived is not None and up(archived) <= t1 + 288 * STEP else [])
            if sum(1 for v in self.vantage_points if any(valid(v, t1 + i * STEP) for i in range(4))) == 1:
                self.t[s] = t1
            elif t2:
                self.t[s] = max(t1, min(t2) - 3 * STEP)
        earliest = min((min(seen.values()) for seen in first.values()), default=None)
        self.initial = self.base.initial if self.base else {s for s, seen in first.items() if min(seen.values()) == earliest}
        later = {s for s in self.accepted if all(newer(s, i) for i in self.initial)}
        self.later = later
        self.serials = self.base.serials if self.base else {s for s in self.t if s in later and self.lake.start <= self.t[s] < self.lake.until}

    def published(self):
        return sorted((s, self.t[s]) for s in self.serials if s in self.t)

    def minimum(self, t, v, rsi, level):
        """Whether it was asked, and the RFC 1982 minimum of what it showed."""
        if (v, t) in self.untrusted:
            return False, None
        shown, strange = self.sightings(t, v, rsi, level)
        if shown:
            m = shown[0]
            for s in shown:
                m = s if newer(m, s) else m
            return True, m
        slots = [self.soa(t, v, rsi, p)[0] for p in PATHS if self.planned(t, v, rsi, p, level)]
        return bool(slots) and all(s in ("good", "bad") for s in slots) and not strange, None

    def wait(self, s, v, rsi, level):
        """The least and the longest wait in minutes."""
        t, e = self.t[s], min(self.lake.data_until, self.lake.until + 7 * 288 * STEP)
        e = min(e, v["until"] or e)
        last, seen, now = t - STEP, None, t
        while now < e and any(self.own(rsi, p[0], now) for p in PATHS):
            asked, m = self.minimum(now, v["id"], rsi, level) if valid(v, now) else (False, None)
            if m is not None and not newer(s, m):
                seen = now
                break
            last = now if asked else last
            now += STEP
        return (last + STEP - t) // MINUTE, NONE if seen is None else (seen - t) // MINUTE

    def waits(self, level, rsis):
        """Values kept (the wait, inf where censored), and how many are unobservable."""
        bound, kept, unobservable = self.bounds[f"{level}_publication"], [], 0
        for s, t in self.published():
            for v in self.vantage_points:
                for rsi in rsis:
                    if not valid(v, t) or not any(self.own(rsi, p[0], t) for p in PATHS):
                        continue
                    low, high = self.wait(s, v, rsi, level)
                    if low == high or (low <= bound) == (high <= bound):
                        kept.append(NONE if high == NONE else low)
                    else:
                        unobservable += 1
        return kept, unobservable

    def unseen(self, rsis):
        count = 0
        for s, z in self.zones.items():
            if z["state"] == "archived" and s in self.later and s not in self.t and self.lake.start <= z["first_used"] < self.lake.until:
                t = z["first_used"] // STEP * STEP
                count += len(self.expected(t)) * sum(1 for rsi in rsis if any(self.own(rsi, p[0], t) for p in PATHS))
        return count

    # Values.

    def value(self, numerator, denominator, count, verdict, slots, **more):
        planned = sum(1 for state in slots if state is not None)
        sent = sum(1 for state in slots if state in ("good", "bad", "sent"))
        thin = 10 * sent < 9 * planned
        none = not denominator
        return {"numerator": None if none else numerator, "denominator": None if none else denominator, "count": count, "censored": False,
                "verdict": verdict(thin), "thin": thin, "planned": planned, "sent": sent, "held": 0, "unobservable": 0, **more}

    def slots(self, rsi, path, level):
        return [(t, v, *self.soa(t, v, rsi, path)) for t in self.period for v in self.expected(t) if self.planned(t, v, rsi, path, level)]

    def availability(self, good, bad, whole, count, states):
        def side(numerator, denominator):
            verdict = "no_data" if not denominator else "pass" if 100 * numerator >= self.bounds["availability"] * denominator else "fail"
            return {"numerator": numerator if denominator else None, "denominator": denominator or None, "verdict": verdict}
        low, high = side(good, whole), side(whole - bad, whole)

        def verdict(thin):
            if thin:
                return low["verdict"] if low["verdict"] == high["verdict"] else "no_data"
            return side(good, good + bad)["verdict"]
        return self.value(good, good + bad, count, verdict, states, low=low, high=high)

    def median(self, samples, bound, fails, passes, count, states, **more):
        """Of numbers in order; fails and passes say what a thin median may rest on."""
        samples = sorted(samples)
        middle = samples[(len(samples) - 1) // 2 : len(samples) // 2 + 1]
        censored = NONE in middle

        def verdict(thin):
            if not middle:
                return "no_data"
            fail = censored or sum(middle) > bound * len(middle)
            return ("fail" if fails or not thin else "no_data") if fail else ("pass" if passes or not thin else "no_data")
        return self.value(None if censored else sum(middle), 0 if censored else len(middle), count, verdict, states, **{"censored": censored, **more})

    def values(self):
        found = {}
        for path in PATHS:
            by_rsi = {rsi: self.slots(rsi, path, "rsi") for rsi in self.rsis}
            for rsi, slots in by_rsi.items():
                states = [s[2] for s in slots]
                good, bad = states.count("good"), states.count("bad")
                found["rsi_availability", rsi, *path] = self.availability(good, bad, len(states), good + bad, states)
                bound = self.bounds[path[1]] * 1000
                samples = [s[3]["latency_us"] for s in slots if s[2] == "good"]
                above, u = sum(1 for x in samples if x > bound), len(states) - good - bad
                found["rsi_response_latency", rsi, *path] = self.median(
                    samples, bound, above > good - above + u, good - above > above + u, good, states)
            self.rss_path(path, found)
        for level, who in [("rsi", self.rsis), ("rss", [None])]:
            for rsi in who:
                rsis = self.rsis if rsi is None else [rsi]
                states = [s[2] for x in rsis for p in PATHS for s in self.slots(x, p, level)]
                kept, unobservable = self.waits(level, rsis)
                bound, u = self.bounds[f"{level}_publication"], unobservable + self.unseen(rsis)
                above = sum(1 for x in kept if x > bound)
                found[f"{level}_publication_latency", rsi, None, None] = self.median(
                    kept, bound, above > len(kept) - above + u, len(kept) - above > above + u, len(kept), states, unobservable=unobservable)
        self.correctness_values(found)
        return found

    def rss_path(self, path, found):
        bound = self.bounds[path[1]] * 1000
        good = bad = whole = count = best_fast = best_slow = worst_fast = worst_slow = 0
        pool, states = [], []
        for t in self.period:
            k = max(1, -(-2 * (self.n(t) - 1) // 3))
            for v in self.expected(t):
                slots = [self.soa(t, v, rsi, path) for rsi in self.rsis if self.planned(t, v, rsi, path, "rss")]
                need = min(k, len(slots))
                cell = [s for s, _ in slots]
                states += cell
                latencies = sorted(row["latency_us"] for s, row in slots if s == "good")
                g, u = len(latencies), len(slots) - cell.count("good") - cell.count("bad")
                good, bad, whole = good + min(need, g), bad + max(0, need - g - u), whole + need
                count += cell.count("good") + cell.count("bad")
                lowest = latencies[:need]
                if u == 0 or g >= need:
                    pool += lowest
                fast = min(need, sum(1 for x in latencies if x <= bound) + u)
                best_fast, best_slow = best_fast + fast, best_slow + min(need - fast, sum(1 for x in latencies if x > bound))
                slow = sum(1 for x in lowest if x > bound)
                worst_fast, worst_slow = worst_fast + len(lowest) - slow, worst_slow + slow + min(u, need - len(lowest))
        found["rss_availability", None, *path] = self.availability(good, bad, whole, count, states)
        found["rss_response_latency", None, *path] = self.median(pool, bound, best_slow > best_fast, worst_fast > worst_slow, len(pool), states)

    def correctness_values(self, found):
        def gather(rsis, level):
            slots = [self.correctness(t, v, rsi, level) for rsi in rsis for t in self.period for v in self.expected(t)]
            verdicts = [verdict for _, responses in slots for verdict in responses]
            return [state for state, _ in slots], [verdicts.count(x) for x in ("correct", "incorrect", "held")]

        _, everybody = gather(self.rsis, "rsi")
        for level, who in [("rsi", self.rsis), ("rss", [None])]:
            for rsi in who:
                states, (correct, incorrect, held) = gather(self.rsis if rsi is None else [rsi], level)
                every = everybody if rsi else [correct, incorrect, held]
                judged, responses = correct + incorrect, correct + incorrect + held

                def verdict(_):
                    if 100 * correct < self.bounds["correctness"] * judged:
                        return "fail"
                    share = held <= 10 or held * sum(every) <= 2 * every[2] * responses
                    return "pass" if judged and 100 * held <= responses and share else "no_data"
                found[f"{level}_correctness", rsi, None, None] = self.value(correct, judged, judged, verdict, states, held=held)

    def coverage(self):
        states = [self.soa(t, v, rsi, p)[0] for t in self.period for v in self.expected(t) for rsi in self.rsis for p in PATHS
                  if self.planned(t, v, rsi, p, "rss")]
        states += [s for t in self.period for v in self.expected(t) for rsi in self.rsis if (s := self.correctness(t, v, rsi, "rss")[0])]
        sent = sum(states.count(s) for s in ("good", "bad", "sent"))
        return {"planned": len(states), "sent": sent, "unsent": states.count("unsent"), "missing": states.count("missing"),
                "off_plan": states.count("off_plan"), "stray": self.stray(), "thin": int(10 * sent < 9 * len(states))}

    def stray(self):
        count = 0
        for (v, t, query, rsi), rows in self.rows.items():
            if t not in self.period or rsi not in self.rsis or v not in [x["id"] for x in self.vantage_points]:
                continue
            for row in rows:
                path = row["family"], row["transport"]
                families = [path[0]] if query == "soa" else ["ipv4", "ipv6"]
                slot = v in self.expected(t) and any(self.own(rsi, family, t) for family in families)
                count += not slot and not self.excluded(t, v, rsi, path, "rss")
        return count
