// The view Explorer: an RSI by vantage points or a vantage point by RSIs, over time, from a year
// down to five minutes.
"use strict";

mtric.explorer = (() => {
  const { h, visible } = mtric;
  const C = mtric.cells;
  const finer = { year: "month", month: "day" };
  const metrics = { state: "Availability", latency: "Latency", serial: "Zone age", instance: "Server" };

  // read makes sense of an address; what it lacks is chosen.
  function read(route, index) {
    let [by, who, path, period] = route.parts;
    if (by !== "vp") by = "rsi";
    const names = by === "rsi" ? index.rsis : index.vps.map(v => v.name);
    who = who || names[0];
    path = path || "all";
    period = period || (index.days || []).slice(-1)[0] || mtric.nameOf.day(mtric.seconds(index.last) || 0);
    if (!names.includes(who)) throw new Error(`The data know no ${by === "rsi" ? "RSI" : "vantage point"} “${visible(who)}”.`);
    if (path !== "all" && !index.paths.includes(path)) throw new Error(`The plan has no path “${visible(path)}”.`);
    const p = mtric.period(period), q = route.query;
    if (p.level === "day") p.step = index.step || 300;
    let metric = q.m in metrics ? q.m : "state";
    // Latencies and servers of different paths are different things.
    const needsPath = path === "all" && (metric === "latency" || metric === "instance");
    if (needsPath) path = index.paths[0];
    const w = /^(\d+)-(\d+)$/.exec(q.w || "");
    const from = w ? Math.max(p.from, Math.floor(w[1] / p.step) * p.step) : p.from, until = w ? Math.min(p.until, Math.ceil(w[2] / p.step) * p.step) : p.until;
    return { by, who, path, period: p, metric, query: q, window: w && until > from ? [from, until] : null, from: until > from ? from : p.from, until: until > from ? until : p.until,
      at: /^\d+$/.test(q.at || "") ? Number(q.at) : null, row: q.row };
  }

  // href is the address of a place, changed by some of its parts.
  function href(v, change) {
    const n = { by: v.by, who: v.who, path: v.path, period: v.period.name, m: v.metric === "state" ? "" : v.metric, at: v.at, row: v.row, event: v.query.event,
      w: v.window ? v.window.join("-") : "", ...change };
    if (change && change.period && change.w === undefined) n.w = "";
    return mtric.address(["explorer", n.by, n.who, n.path, n.period], { m: n.m, at: n.at, row: n.row, w: n.w, event: n.event });
  }
  const move = (v, change) => { location.hash = href(v, change); };

  // gather loads all tiles of a place into one grid.
  async function gather(v, index) {
    const ids = v.by === "rsi" ? index.vps.map(x => x.name) : index.rsis;
    const paths = v.path === "all" ? index.paths : [v.path], missed = new Set();
    let whole = null;
    const lists = { year: index.years, month: index.months, day: index.days };
    const there = (lists[v.period.level] || []).includes(v.period.name);
    const now = await nowTiles(v, index);
    for (const path of paths) {
      const g = C.grid(ids, v.from, v.until, v.period.step);
      const wanted = there ? tiles(v, index, path).map(([name, row]) => ({ key: `${v.period.level}/${v.period.name}/${name}`, row })) : [];
      for (const m of await C.fill(g, wanted)) missed.add(m);
      for (const [name, row] of tiles(v, index, path)) if (now && now[name]) C.put(g, "now", now[name], row);
      if (whole) C.merge(whole, g); else whole = g;
    }
    return { grid: whole, missed: [...missed], there: there || Boolean(now) };
  }

  // tiles are the names of the tiles of a path, each with the row in which its vantage points stand.
  function tiles(v, index, path) {
    if (v.by === "vp") {
      const part = Math.floor(index.vps.findIndex(x => x.name === v.who) / C.PART);
      return index.rsis.map((rsi, r) => [`${rsi}-${path}-${part}`, vp => vp === v.who ? r : undefined]);
    }
    const rows = new Map(index.vps.map((x, i) => [x.name, i]));
    return Array.from({ length: Math.ceil(index.vps.length / C.PART) }, (_, n) => [`${v.who}-${path}-${n}`, vp => rows.get(vp)]);
  }

  // nowTiles are those of the last two hours, which day files do not have yet.
  async function nowTiles(v, index) {
    const last = mtric.seconds(index.last) || 0;
    if (v.period.level !== "day" || last < v.period.from || last - 3 * 3600 >= v.period.until) return null;
    try {
      return (await mtric.load("now")).tiles || null;
    } catch {
      return null; // the day's own files say what is missing
    }
  }

  // The states that show an event of a kind, the plainest first.
  const shows = { outage: [C.FAILED, C.PART_FAILED], outage_local: [C.FAILED, C.PART_FAILED], wrong: [C.INCORRECT, C.FAILED], local: [C.OWN], silence: [C.MISSING], off_plan: [C.MISSING], clock: [] };

  // cellOf is the first cell that shows an event, else the first of its cells.
  function cellOf(v, g, picture, e) {
    const rows = (v.by === "vp" ? g.ids : e.vantage_point ? [e.vantage_point] : e.vantage_points || []).map(id => g.rows.get(id)).filter(r => r !== undefined);
    const first = Math.max(0, Math.floor((mtric.seconds(e.from) - g.from) / g.step)), end = Math.min(g.steps, Math.ceil((mtric.seconds(e.until) - g.from) / g.step));
    if (!rows.length || first >= end) return null;
    // What has a picture of its own is shown by that, and by no other.
    const tests = shows[e.kind] ? shows[e.kind].map(s => (r, c) => g.state[r * g.steps + c] === s)
      : v.metric === "state" ? [] : [(r, c) => picture.classes[picture.kind(r, c)].rank > 3];
    for (const test of tests) {
      for (let col = first; col < end; col++) {
        const row = rows.find(r => test(r, col));
        if (row !== undefined) return { row, col };
      }
    }
    return { row: rows[0], col: first };
  }

  // choose is the chosen cell: that of the address; where it names an event and no row, one that
  // shows it; where it names a time only, the worst there; else a row with trouble for the chart.
  function choose(v, g, picture, event) {
    const shown = event && v.row === undefined && cellOf(v, g, picture, event);
    if (shown) return shown;
    const rank = i => picture.classes[picture.kind(Math.floor(i / g.steps), i % g.steps)].rank;
    const c = v.at === null ? -1 : Math.floor((v.at - g.from) / g.step);
    const col = c >= 0 && c < g.steps ? c : null;
    let row = g.rows.get(v.row);
    if (row === undefined) {
      let best = -1;
      g.ids.forEach((_, r) => {
        let n = 0;
        if (col !== null) n = rank(r * g.steps + col) + 1;
        else for (let i = r * g.steps; i < (r + 1) * g.steps; i++) n += rank(i) > 3 ? 1e6 : g.latency[i] ? 1 : 0;
        if (n > best) { best = n; row = r; }
      });
    }
    return { row, col };
  }

  async function show(route, index) {
    const v = read(route, index);
    const { grid: g, missed, there } = await gather(v, index);
    // What an edition withholds is known by its lack: the plan may open more or less.
    v.has = m => m === "state" || index.edition === "internal" || g.columns.has({ latency: "latency", serial: "serial", instance: "nsid" }[m]);
    const withheld = there && !v.has(v.metric);
    if (withheld) v.metric = "state";
    const events = await eventsOf(v, index);
    const picture = await mtric.pictures.of(v, g, index, events.missed.length ? null : events.events);
    const chosen = choose(v, g, picture, events.events.find(e => e.id === v.query.event));
    const unit = { year: "a day", month: "an hour", day: mtric.length(v.period.step) }[v.period.level];
    const rowsText = v.by === "rsi" ? "vantage points" : "RSIs";
    const map = mtric.heatmap.map({
      name: `${metrics[v.metric]} of ${v.by === "rsi" ? v.who : `vantage point ${v.who}`} over ${mtric.path(v.path)}, ${v.period.text}`,
      rows: g.ids.map(id => ({ id, text: visible(id) })), from: g.from, step: g.step, steps: g.steps, ...picture,
      when: c => when(g, c), chosen: chosen.col === null ? null : [chosen.row, chosen.col],
      marks: events.events.map(e => ({ from: mtric.seconds(e.from), until: mtric.seconds(e.until) })),
      open: (r, c) => open(v, g, r, c), nearer: (r, c) => open(v, g, r, c), back: () => back(v), range: (a, b) => range(v, g, a, b),
    });
    return h("div", { class: "explorer" },
      h("h1", {}, title(v)),
      controls(v, index),
      withheld && mtric.note("Values of single RSIs are withheld in this edition (RSSAC047): states are shown instead."),
      !there && mtric.note(`There are no data of ${v.period.text} on this site.`),
      missed.map(m => mtric.note(m, " What it would show is left empty.")),
      g.leftOff.size > 0 && mtric.note(`Left off, since the files would be too large: ${columnsText(g.leftOff)}. These values are not known here.`),
      g.leftOffNow.size > 0 && mtric.soft(`Of the last hours ${columnsText(g.leftOffNow)} are not known yet: they come with the next file of the day.`),
      mtric.soft(`${picture.about} Rows are ${rowsText}; a cell is ${unit}.`),
      map,
      mtric.soft(v.period.level === "day" ? "Click a cell for what is behind it. Drag to see a span of time larger; Escape goes back to the month." : `Click a cell, or drag, to come nearer; Escape goes back.`),
      await mtric.evidence.panel(v, g, chosen, index, picture, events.events),
      mtric.evidence.chart(v, g, chosen.row),
      eventList(v, events, index));
  }

  const columnsText = set => [...set].map(c => ({ nsid: "servers", serial: "zones", latency: "latencies", sent: "counts of queries" })[c] || visible(c)).join(", ");

  const title = v => `${v.by === "rsi" ? visible(v.who) : `Vantage point ${visible(v.who)}`} over ${mtric.path(v.path)}, ${v.period.text}`;

  function when(g, c) {
    const from = g.from + c * g.step;
    return g.step >= 86400 ? mtric.day(from) : `${mtric.day(from)} ${mtric.clock(from)}–${mtric.clock(from + g.step)} UTC`;
  }

  // open is a click on a cell: nearer as long as there is something nearer, then what is behind it.
  function open(v, g, r, c) {
    const at = g.from + c * g.step, level = finer[v.period.level];
    if (!level) move(v, { at, row: g.ids[r] });
    else move(v, { period: mtric.nameOf[level](at), at, row: g.ids[r], event: "" });
  }

  function back(v) {
    if (v.window) move(v, { w: "" });
    else if (v.period.up) move(v, { period: v.period.up });
  }

  // range shows a span of time: a day if it is within one, else the span of what is shown.
  function range(v, g, a, b) {
    const from = g.from + a * g.step, until = g.from + b * g.step;
    for (const level of ["day", "month"]) {
      const name = mtric.nameOf[level](from);
      if (name !== v.period.name && name.length > v.period.name.length && name === mtric.nameOf[level](until - 1)) {
        const p = mtric.period(name);
        return move(v, { period: name, w: until - from < p.until - p.from ? `${from}-${until}` : "", event: "" });
      }
    }
    move(v, { w: `${from}-${until}`, event: "" });
  }

  function controls(v, index) {
    const select = mtric.events.select;
    const names = v.by === "rsi" ? index.rsis : index.vps.map(x => x.name);
    const tabs = (label, list) => h("div", { class: "tabs", role: "group", "aria-label": label }, list.map(([text, to, current, why]) =>
      to ? h("a", { href: to, "aria-current": current ? "true" : null }, text) : h("span", { class: "off", title: why }, text)));
    return h("div", { class: "controls" },
      select("Rows", v.by, [["rsi", "an RSI by vantage points"], ["vp", "a vantage point by RSIs"]], by => {
        const known = by === "rsi" ? index.rsis : index.vps.map(x => x.name); // the row becomes the one looked at
        move(v, { by, who: known.includes(v.row) ? v.row : known[0], row: v.who, event: "" });
      }),
      select(v.by === "rsi" ? "RSI" : "Vantage point", v.who, names.map(n => [n, visible(n)]), who => move(v, { who, event: "" })),
      tabs("Path", [["any path", v.metric === "latency" || v.metric === "instance" ? null : href(v, { path: "all" }), v.path === "all", "Latencies and servers are looked at path by path"],
        ...index.paths.map(p => [mtric.path(p), href(v, { path: p }), v.path === p])]),
      tabs("What", Object.entries(metrics).map(([m, text]) => [text, v.has(m) ? href(v, { m: m === "state" ? "" : m }) : null, v.metric === m, "Withheld in the public edition (RSSAC047)"])),
      periods(v, index));
  }

  // periods are the way up, and to what is before and after.
  function periods(v, index) {
    const p = v.period, name = mtric.nameOf[p.level];
    const before = name(p.from - 1), after = name(p.until);
    const crumbs = [mtric.nameOf.year(p.from), p.level !== "year" && mtric.nameOf.month(p.from), p.level === "day" && p.name].filter(Boolean);
    const last = mtric.seconds(index.last) || Infinity;
    return h("nav", { class: "periods", "aria-label": "Time" },
      h("a", { href: href(v, { period: before, at: "", event: "" }), "aria-label": `${mtric.period(before).text}, before`, title: mtric.period(before).text }, "‹"),
      crumbs.map((c, i) => [i ? " › " : "", h("a", { href: href(v, { period: c }), "aria-current": c === p.name ? "true" : null }, i === 0 ? c : i === 1 ? mtric.months[c.slice(4) - 1] : String(Number(c.slice(6))))]),
      v.window && [" › ", h("span", {}, span(v.window)), " ", h("a", { href: href(v, { w: "" }) }, "all of it")],
      p.until <= last ? h("a", { href: href(v, { period: after, at: "", event: "" }), "aria-label": `${mtric.period(after).text}, after`, title: mtric.period(after).text }, "›") : h("span", { class: "off" }, "›"));
  }

  const span = ([a, b]) => b - a > 86400 ? `${mtric.day(a)} to ${mtric.day(b - 1)}` : `${mtric.clock(a)} to ${mtric.clock(b)} UTC`;

  // eventsOf are the events that touch what is shown.
  async function eventsOf(v, index) {
    const { events, missed } = await mtric.events.all(mtric.events.keysOf(index, v.from, v.until));
    const mine = e => v.by === "rsi" ? e.rsi === v.who || !e.rsi && v.row && e.vantage_point === v.row : e.vantage_point === v.who || (e.vantage_points || []).includes(v.who);
    return { events: events.filter(e => mine(e) && mtric.events.onPath(e, v.path) && mtric.seconds(e.from) < v.until && mtric.seconds(e.until) > v.from), missed };
  }

  function eventList(v, { events, missed }, index) {
    const shown = events.slice(0, 30);
    const named = events.find(e => e.id === v.query.event);
    if (named && !shown.includes(named)) shown.unshift(named);
    return h("section", {}, h("h2", {}, "Events here"),
      missed.map(m => mtric.note(m, " Its events are not known.")),
      shown.length ? h("ul", { class: "events" }, shown.map(e => mtric.events.item(e, index, v.query.event))) : h("p", {}, missed.length ? "" : "No event touches what is shown."),
      events.length > shown.length && h("p", {}, h("a", { href: mtric.address(["events"], v.by === "rsi" ? { rsi: v.who } : { vp: v.who }) }, `All ${mtric.number(events.length)}`)));
  }

  mtric.view("explorer", { title: "Explorer", show });
  return { href, move };
})();
