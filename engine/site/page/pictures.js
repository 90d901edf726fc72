// What the heat map of the explorer shows of a grid: availability, latency, age of the zone, server.
"use strict";

mtric.pictures = (() => {
  const { visible } = mtric;
  const C = mtric.cells;
  const unknown = { id: "unknown", text: "no value", letter: "?", color: "--missing", mark: "hatch", rank: 0 };
  const nothing = C.states[C.NOTHING];

  // facts are what is known of a cell, whatever is shown.
  function facts(g, r, c) {
    const i = r * g.steps + c, out = [];
    if (g.state[i] === C.MISSING) out.push("planned, but nothing is known: no run came, nothing was sent, or it waits for a verdict");
    if (g.state[i] === C.OWN) out.push("what failed or was incorrect counts for no RSI: nothing that the vantage point asked over the family was good then, or answers over the transport were forged");
    if (g.sent[i] >= 0 && g.failed[i] >= 0) out.push(`${mtric.number(g.sent[i] - g.failed[i])} of ${mtric.plural(g.sent[i], "query", "queries")} had a good answer${g.state[i] === C.INCORRECT ? "; what is incorrect is not good" : ""}`);
    if (g.latency[i]) out.push(`median ${mtric.ms(C.us(g.latency[i]))}, ${g.usual[i] ? `usually ${mtric.ms(C.us(g.usual[i]))}` : "what is usual is not known"}`);
    if (g.serial[i]) out.push(`zone ${g.serial[i]}`);
    if (g.nsid[i]) out.push(`server ${visible(g.nsids[g.nsid[i]])}`);
    return out;
  }

  async function of(v, g, index, events) {
    const tell = (r, c) => facts(g, r, c);
    switch (v.metric) {
      case "latency": return { ...latency(g), tell };
      case "serial": return serial(v, g, index);
      case "instance": return { ...instance(g), tell };
      default: return { ...state(v, g, index, events), tell };
    }
  }

  // Where values are told, what failed in part and in no event has a mark, and a pale one.
  const little = { id: "little", text: "some failed, in no event", letter: "p", color: "--part-base", fill: "--part", mark: "", rank: 3 };

  function state(v, g, index, events) {
    const bare = index.edition !== "internal" && !g.values && g.leftOff.size === 0;
    const classes = C.states.map((s, k) => ({ ...s, text: C.text(s, !bare), always: k === C.GOOD || k === C.MISSING || k === C.FAILED,
      ...(k === C.PART_FAILED && g.values ? { fill: "--part-fill", color: "--part-base", mark: "" } : {}) })).concat(little);
    // The table hours does not tell SERVFAIL from NXDOMAIN, which may be right.
    const counted = v.period.level === "day" ? "" : " Of correctness queries only incorrect answers count here, and SERVFAIL to them does not: days by five minutes have it.";
    return { classes, bare, bad: [C.MISSING, C.OWN, C.PART_FAILED, C.FAILED, C.INCORRECT, C.QUIET, C.states.length],
      kind: (r, c) => {
        const k = g.state[r * g.steps + c];
        if (k !== C.FAILED && k !== C.PART_FAILED) return k;
        if (within(v, g, r, c, events)) return bare ? C.FAILED : k;
        return bare || k === C.FAILED ? C.QUIET : C.states.length;
      },
      level: (r, c) => { const i = r * g.steps + c; return g.sent[i] > 0 ? Math.max(0, g.failed[i]) / g.sent[i] : 0.25; }, // not known: to be seen, too
      about: bare ? `Good where the plan’s share of answers was good, and none incorrect; no more is told of single RSIs in this edition (RSSAC047). That is no verdict, since thresholds are for months, and one lost packet makes a small cell not good: strong is what is part of an event.${counted}`
        : `Whether there were good answers.${g.values ? " Where some failed, the mark is the higher the more did." : ""} What failed is strong as part of an event, and pale else: one lost packet is no outage.${counted}` };
  }

  // within is whether a cell that failed is part of an event. Where events are not known (null) it may be.
  function within(v, g, r, c, events) {
    const at = g.from + c * g.step, id = g.ids[r];
    return !events || events.some(e => mtric.events.failed(e, v.by === "vp" ? id : v.who, v.by === "vp" ? v.who : id, at, at + g.step));
  }

  // latency goes by what the pair usually has, and by the bound of the events: an excess counts
  // from 20 ms and half the usual on. A near server that takes 4 ms rather than 2 is not slow.
  function latency(g) {
    const classes = [
      { id: "faster", text: "faster than usual", letter: "−", color: "--faster", mark: "", rank: 2 },
      { id: "usual", text: "as usual", letter: "✓", color: "--good", mark: "", rank: 1, always: true },
      { id: "later", text: "a little later", letter: "+", color: "--heat1", mark: "", rank: 3 },
      { id: "slow", text: "slow: more than half and 20 ms over the usual", letter: "S", color: "--heat2", mark: "slash", rank: 4, always: true },
      { id: "slower", text: "more than twice the usual, and 40 ms over it", letter: "S2", color: "--heat3", mark: "cross", rank: 5 },
      { id: "slowest", text: "more than three times the usual, and 80 ms over it", letter: "S4", color: "--heat4", mark: "grid", rank: 6 },
      { id: "measured", text: "measured, but what is usual is not known", letter: "M", color: "--measured", mark: "", rank: 1 },
      unknown, nothing];
    return { classes, bad: [3, 4, 5], about: "Median latency of good answers against what is usual of each pair: the median of the seven days before.", level: () => 0,
      kind: (r, c) => {
        const i = r * g.steps + c, us = C.us(g.latency[i]), usual = C.us(g.usual[i]);
        if (g.state[i] === C.NOTHING) return 8;
        if (!us) return 7;
        if (!usual) return 6;
        const over = (us - usual) / Math.max(20000, usual / 2);
        return over < -0.5 ? 0 : over <= 0.5 ? 1 : over <= 1 ? 2 : over <= 2 ? 3 : over <= 4 ? 4 : 5;
      } };
  }

  // serial is how long a newer zone than the one shown had been published.
  async function serial(v, g, index) {
    const { zones, missed } = await mtric.zones.around(index, v.from, v.until);
    const published = zones.map(z => [z.serial, mtric.seconds(z.published)]).filter(([, t]) => t).sort((a, b) => a[1] - b[1]);
    const known = new Map();
    // behind is since when the oldest newer zone was published, at a time; null: is current.
    const overtaken = s => {
      if (!known.has(s)) known.set(s, (published.find(([n]) => C.older(s, n)) || [0, null])[1]);
      return known.get(s);
    };
    const has = published.length > 0;
    const age = i => { const t = overtaken(g.serial[i]), end = g.from + (i % g.steps + 1) * g.step; return t === null ? 0 : Math.max(0, end - t); };
    const classes = [
      { id: "current", text: "newest zone", letter: "✓", color: "--good", mark: "", rank: 1, always: true },
      { id: "recent", text: "older, a newer one is out for less than 65 min", letter: "+", color: "--heat1", mark: "", rank: 2 },
      { id: "old", text: "older, for 65 min and more", letter: "S", color: "--heat3", mark: "slash", rank: 4, always: true },
      { id: "veryold", text: "older, for a day and more", letter: "S2", color: "--heat4", mark: "cross", rank: 5 },
      { ...unknown, text: "no serial known" }, nothing];
    return { classes, bad: [2, 3], level: () => 0,
      about: has ? `How long a newer zone than the one shown had been published.${missed.length ? ` ${missed.join(" ")}` : ""}` : "When zones were published is not known for this time, so no age can be told.",
      tell: (r, c) => [...facts(g, r, c), ...(g.serial[r * g.steps + c] && age(r * g.steps + c) ? [`a newer zone was out for ${mtric.length(age(r * g.steps + c))}`] : [])],
      kind: (r, c) => {
        const i = r * g.steps + c;
        if (g.state[i] === C.NOTHING) return 5;
        if (!g.serial[i] || !has) return 4;
        const a = age(i);
        return a < g.step ? 0 : a < 65 * 60 ? 1 : a < 86400 ? 2 : 3;
      } };
  }

  // instance shows the server that a row usually has as quiet, the others as colours.
  function instance(g) {
    const home = g.ids.map((_, r) => {
      const n = new Map();
      for (let c = 0; c < g.steps; c++) { const s = g.nsid[r * g.steps + c]; if (s) n.set(s, (n.get(s) || 0) + 1); }
      return [...n].sort((a, b) => b[1] - a[1])[0]?.[0] || 0;
    });
    const away = new Map();
    for (let i = 0; i < g.nsid.length; i++) if (g.nsid[i] && g.nsid[i] !== home[Math.floor(i / g.steps)]) away.set(g.nsid[i], (away.get(g.nsid[i]) || 0) + 1);
    const named = [...away].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([s]) => s);
    const marks = ["", "slash", "dots", "cross", "bars", "grid"];
    const short = s => { const t = visible(s); return t.length > 48 ? `${t.slice(0, 48)}…` : t; };
    const classes = [
      { id: "home", text: "the server that the row has most here", letter: "✓", color: "--good", mark: "", rank: 1, always: true },
      ...named.map((s, k) => ({ id: `s${k}`, text: short(g.nsids[s]), letter: "ABCDEF"[k], color: `--cat${k + 1}`, mark: marks[k], rank: 4 })),
      { id: "others", text: "other servers", letter: "…", color: "--cat7", mark: "wave", rank: 4 },
      { ...unknown, text: "no server known" }, nothing];
    const last = classes.length - 1, place = new Map(named.map((s, k) => [s, k + 1]));
    return { classes, bad: classes.map((_, k) => k).filter(k => k > 0 && k < last - 1), level: () => 0,
      about: "Which server answered most, by its NSID. A row is quiet where the server answers that it has most here.",
      kind: (r, c) => {
        const i = r * g.steps + c, s = g.nsid[i];
        if (g.state[i] === C.NOTHING) return last;
        if (!s) return last - 1;
        return s === home[r] ? 0 : place.get(s) ?? last - 2;
      } };
  }

  return { of, facts };
})();
