// The view Now: what is wrong since when, then how everybody is.
"use strict";

(() => {
  const { h, visible, number } = mtric;
  const C = mtric.cells, { states } = C;

  async function show(route, index) {
    const now = await mtric.load("now");
    const last = mtric.seconds(now.last) || 0;
    const { events, missed } = await mtric.events.all(mtric.events.keysOf(index, last - 7200, last));
    now.events = missed.length ? null : events; // not known: what failed may be part of one
    return h("div", { class: "now" },
      h("h1", {}, "Now"),
      last ? h("p", { class: "lead" }, `State of ${mtric.stamp(last)}, the newest measurement.`) : mtric.note("There are no measurements yet."),
      wrong(now, index), matrix(now, index), vantagePoints(now, index), serials(now, index), mtric.without(index, "alerts", "the alerts of a collector") || alerts(now, index));
  }

  function wrong(now, index) {
    const open = now.open || [];
    const vps = now.vps || [], sent = vps.reduce((n, v) => n + v.hour[0], 0), planned = vps.reduce((n, v) => n + v.hour[1], 0);
    // "Nothing is wrong" may be said only of what was looked at, and of what was made of it.
    const derived = mtric.seconds(now.derived), late = mtric.seconds(now.last) && (!derived || derived < mtric.seconds(now.last) + (index.step || 300));
    const untold = (index.without || []).includes("publication"); // a lake alone does not tell how far its tables go
    const lacking = late && mtric.note(!derived ? "Events are not known: the tables of the last day were not made (mtric derive)." :
      untold ? `These pages were made of a lake alone, which tells that events were looked for until ${mtric.stamp(derived)}, and not whether any were after.` :
        `Events are not known since ${mtric.stamp(derived)}: the tables were not brought up to date with what came after (mtric derive).`);
    const basis = planned === 0 ? "No runs were planned in the hour that is counted, so nothing is known of it." :
      !now.listed ? `It rests on ${mtric.plural(sent, "run")} of ${mtric.plural(vps.filter(v => v.hour[0] > 0).length, "vantage point")} within an hour; the plan names none, so what is missing is not known.` :
      `It rests on ${number(sent)} of ${mtric.plural(planned, "run")} planned within an hour${sent * 10 < planned * 9 ? ": too few to say that all is well" : ""}.`;
    return h("section", { "aria-labelledby": "wrong" }, h("h2", { id: "wrong" }, open.length ? `Open events (${number(open.length)})` : "Open events"),
      open.length
        ? h("ul", { class: "events big" }, open.slice(0, 12).map(e => mtric.events.item(e, index)))
        : !late && h("p", {}, sent > 0 ? "No event is open. " : "", basis),
      lacking,
      open.length > 12 && h("details", {}, h("summary", {}, `${number(open.length - 12)} more`), h("ul", { class: "events" }, open.slice(12).map(e => mtric.events.item(e, index)))),
      open.length > 0 && !late && mtric.soft(basis),
      h("p", {}, h("a", { href: mtric.address(["events"]) }, "All events")));
  }

  // matrix is RSIs by paths: two hours as a strip, then the last hour and day.
  function matrix(now, index) {
    const day = mtric.nameOf.day(mtric.seconds(now.last) || 0);
    const values = (now.rsis || []).some(r => (r.paths || []).some(p => p.hour.good !== undefined));
    const rows = (now.rsis || []).map(r => h("tr", {}, h("th", { scope: "row" }, h("a", { href: mtric.address(["explorer", "rsi", r.rsi, "all", day]) }, visible(r.rsi))),
      index.paths.map(p => {
        const cell = (r.paths || []).find(x => x.path === p);
        return h("td", {}, cell ? field(r.rsi, cell, now, index, day) : h("span", { class: "soft" }, "not known"));
      })));
    const end = (mtric.seconds(now.last) || 0) + (index.step || 300);
    return h("section", { "aria-labelledby": "matrix" }, h("h2", { id: "matrix" }, "Root servers by path"),
      mtric.soft(`Each field: the two hours until ${mtric.clock(end)} UTC in steps of five minutes (the higher a mark, the more vantage points had no good answer; it is pale where that is in no event), then the hour ${mtric.clock(end - 3600)} to ${mtric.clock(end)} UTC (1 h) and a day that ended by then (24 h)`,
        values ? ", with the share of good answers, and the median latency of that hour; it is red, beside what is usual of those who measured, where a third of the vantage points, two at least, are later than each was in the week before, by half and 20 ms. A small O: some failed in vantage points’ own trouble, which counts for no RSI. P is pale where at most 2 % failed, or one vantage point alone saw it. Of correctness queries only incorrect answers count: SERVFAIL to them shows in the explorer’s days by five minutes." : ": good where the plan’s share of answers was good and none incorrect; it is pale where one vantage point alone saw otherwise. Of correctness queries only incorrect answers count, and SERVFAIL to them does not. That is no verdict: thresholds are for months. Shares and latencies of single RSIs are withheld in this edition (RSSAC047)."),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Root servers by path" }, h("table", { class: "matrix" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "wide" }, "RSI")), index.paths.map(p => h("th", { scope: "col" }, mtric.path(p))))), h("tbody", {}, rows))),
      h("ul", { class: "legend" }, states.filter((s, n) => s.rank >= 0 && (values || n !== C.PART_FAILED && n !== C.INCORRECT))
        .map(s => h("li", {}, mtric.heatmap.swatch(s), h("span", {}, `${s.letter} ${C.text(s, values)}`)))));
  }

  function field(rsi, cell, now, index, day) {
    const worst = mostSevere(grave(cell.hour), grave(cell.day));
    const link = mtric.address(["explorer", "rsi", rsi, cell.path, day], { at: worstTime(now, rsi, cell.path) });
    const label = `${rsi} ${mtric.path(cell.path)}: an hour ${sum(cell.hour)}, a day ${sum(cell.day)}`;
    return h("a", { class: `field s-${states[worst]?.id || "missing"}${few(cell.hour) ? " few" : ""}`, href: link, "aria-label": label, title: label },
      strip(now, rsi, cell.path), line("1 h", cell.hour), line("24 h", cell.day),
      cell.hour.median_us !== undefined && h("span", { class: `line lat${late(cell.hour) ? " late" : ""}` }, mtric.ms(cell.hour.median_us),
        late(cell.hour) ? h("small", {}, ` usual ${mtric.ms(cell.hour.usual_us)}`) : null));
  }

  // Own trouble is the vantage points': what is left of the RSI is good, or nothing is known of it.
  const stateOf = s => s.state !== C.OWN ? s.state : s.good === 0 ? C.MISSING : C.GOOD;
  // A day that was not all good has its quiet look as long as the last hour is good.
  const mostSevere = (hour, day) => hour === C.GOOD && day === C.PART_FAILED ? hour : Math.max(hour, day === C.INCORRECT ? day : hour);
  // A lost packet here and there is no trouble: up to 2 % are told quietly, and so is what one
  // vantage point alone saw.
  const few = s => Boolean(s.alone) || s.state === C.PART_FAILED && s.good !== undefined && (counted(s) - s.good) * 50 <= counted(s);
  // What failed in a vantage point's own trouble counts for no RSI.
  const counted = s => s.sent - (s.own || 0);
  const grave = s => few(s) ? C.PART_FAILED : stateOf(s);
  const late = s => s.late === true;
  const alone = s => s.alone ? `, at vantage point ${visible(s.alone)} alone` : "";

  function sum(s) {
    const state = states[stateOf(s)] || states[1], text = `${C.text(state, s.good !== undefined)}${s.state === C.OWN ? ", beside vantage points’ own trouble" : ""}`;
    if (s.planned > 0 && s.sent === 0) return `${text}: none of ${mtric.plural(s.planned, "query", "queries")} was sent`;
    return s.good === undefined ? `${text}, ${mtric.plural(s.sent, "query", "queries")} sent${alone(s)}` : `${text}, ${number(s.good)} good of ${number(counted(s))} sent${s.own ? `, beside ${number(s.own)} that failed in vantage points’ own trouble` : ""}${alone(s)}`;
  }

  function line(name, s) {
    const state = states[stateOf(s)] || states[1];
    const value = s.good !== undefined && counted(s) > 0 ? mtric.share(s.good, counted(s)) : state.id === "unplanned" ? "none" : C.text(state, s.good !== undefined);
    return h("span", { class: "line" }, h("small", {}, `${name} `), h("span", { class: `dot s-${state.id}${few(s) ? " few" : ""}` }, state.letter), ` ${value}`, s.alone ? h("small", {}, ` at ${visible(s.alone)} alone`) : null,
      s.own > 0 || s.state === C.OWN ? h("span", { class: "dot s-own", title: "vantage points’ own trouble" }, "O") : null);
  }

  const parts = (now, rsi, path) => Object.entries(now.tiles || {}).filter(([k]) => k.replace(/-\d+$/, "") === `${rsi}-${path}`);

  // course is the two hours of an RSI and path over all vantage points: of each step how many
  // are in which state. What failed in no event is quiet.
  function course(now, rsi, path) {
    const steps = new Map(), events = now.events && now.events.filter(e => e.rsi === rsi && mtric.events.onPath(e, path));
    for (const [key, tile] of parts(now, rsi, path)) {
      for (const b of C.read("now", tile)) {
        b.state.forEach((s, i) => {
          const t = b.from + (i % b.steps) * b.step;
          if (!steps.has(t)) steps.set(t, new Array(states.length).fill(0));
          const quiet = s === C.FAILED && events && !events.some(e => mtric.events.failed(e, rsi, b.vps[Math.floor(i / b.steps)], t, t + b.step));
          steps.get(t)[quiet ? C.QUIET : s]++;
        });
      }
    }
    return [...steps].sort((a, b) => a[0] - b[0]);
  }

  // worstTime is where the link leads to: the newest step with trouble, if there is any.
  function worstTime(now, rsi, path) {
    try {
      const bad = course(now, rsi, path).filter(([, n]) => n[4] + n[5] + n[6] + n[C.QUIET] > 0);
      return bad.length ? bad[bad.length - 1][0] : undefined;
    } catch {
      return undefined;
    }
  }

  function strip(now, rsi, path) {
    const canvas = h("canvas", { class: "strip", "aria-hidden": "true" });
    let steps;
    try {
      steps = course(now, rsi, path);
    } catch (e) {
      return h("small", {}, "damaged");
    }
    const paint = () => {
      const w = canvas.clientWidth, hgt = 14, ratio = window.devicePixelRatio || 1;
      if (!w) return;
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(hgt * ratio);
      const ctx = canvas.getContext("2d");
      ctx.scale(ratio, ratio);
      const one = w / Math.max(1, steps.length);
      steps.forEach(([, n], i) => {
        const all = n.reduce((a, b) => a + b, 0) - n[0], x = i * one, wide = Math.max(1, one - 1);
        const bar = (share, name, from) => { ctx.fillStyle = mtric.heatmap.color(name); const t = share > 0 ? Math.max(2, share * hgt) : 0; ctx.fillRect(x, hgt - from - t, wide, t); return from + t; };
        if (!all) return;
        ctx.fillStyle = mtric.heatmap.color(n[1] === all ? "--missing" : "--good");
        ctx.fillRect(x, n[1] === all ? hgt - 4 : hgt - 3, wide, n[1] === all ? 4 : 3);
        let up = bar(n[6] / all, "--incorrect", 0);
        up = bar(n[5] / all, "--failed", up);
        up = bar((n[4] + n[C.QUIET]) / all, "--part", up);
        up = bar(n[3] / all, "--own", up);
        bar(n[1] < all ? n[1] / all : 0, "--missing", up);
      });
    };
    new ResizeObserver(paint).observe(canvas);
    return canvas;
  }

  function vantagePoints(now, index) {
    const where = new Map(index.vps.map(v => [v.name, v]));
    const day = mtric.nameOf.day(mtric.seconds(now.last) || 0), open = new Map((now.open || []).map(e => [e.id, e]));
    const thin = ([came, planned]) => planned > 0 && came * 10 < planned * 9;
    const share = ([came, planned]) => !now.listed ? number(came) : planned ? [h("meter", { min: 0, max: planned, low: planned * 0.9, high: planned * 0.9, optimum: planned, value: came, "aria-hidden": "true" }), ` ${number(came)} of ${number(planned)}`] : "none planned";
    const vps = now.vps || [];
    // Where the plan names no vantage points nothing is planned that did not come: who sent nothing is told.
    const silent = v => !now.listed && v.hour[0] === 0;
    const lacking = vps.filter(v => thin(v.hour) || thin(v.day) || silent(v) || v.clock === false || (v.open || []).length);
    const row = v => ({ class: thin(v.hour) || silent(v) ? "bad" : "", cells: [
      h("a", { href: mtric.address(["explorer", "vp", v.name, "all", day]) }, visible(v.name)),
      [where.get(v.name)?.metro, where.get(v.name)?.region].filter(Boolean).map(mtric.place).join(", ") || "–",
      mtric.seconds(v.last) ? mtric.stamp(mtric.seconds(v.last)) : "none in the last day",
      share(v.hour), share(v.day), v.clock === true ? "synchronised" : v.clock === false ? h("b", { class: "warn" }, "not synchronised") : "not known",
      (v.open || []).map(id => open.get(id)).filter(Boolean).map(e => h("div", {}, h("a", { href: mtric.events.link(e, index) }, mtric.events.kinds[e.kind] || visible(e.kind)))),
    ] });
    const heads = ["Vantage point", "Where", "Newest label", "Runs of an hour", "Runs of a day", "Clock", "Own events"];
    return h("section", { "aria-labelledby": "vps" }, h("h2", { id: "vps" }, "Vantage points"),
      h("p", {}, vps.length === 0 ? "No vantage points are known." : lacking.length === 0
        ? `${vps.length === 1 ? "The only vantage point sends" : `All ${number(vps.length)} send`} ${now.listed ? "nearly all that is planned" : "runs; the plan names none, so how many are missing is not known"}.`
        : `${mtric.plural(lacking.length, "vantage point")} of ${number(vps.length)} ${!now.listed ? "sent no" : lacking.length === 1 ? "lacks" : "lack"} runs${now.listed ? "" : " within the hour"} or ${lacking.length === 1 ? "has" : "have"} trouble of ${lacking.length === 1 ? "its" : "their"} own.`),
      lacking.length > 0 && mtric.table(heads, lacking.map(row), "Vantage points with runs lacking or trouble of their own"),
      vps.length > lacking.length && h("details", { open: vps.length <= 30 && lacking.length === 0 }, h("summary", {}, lacking.length ? `The other ${number(vps.length - lacking.length)}` : "Each of them"),
        mtric.table(heads, vps.filter(v => !lacking.includes(v)).map(row), "Vantage points and what came of what was planned")));
  }

  function serials(now, index) {
    const list = [...(now.serials || [])].sort((a, b) => C.older(a.serial, b.serial) ? 1 : -1);
    // Which is the newest of an RSI, and whether it is behind, is in the file, by the rule of the events.
    const newer = new Set();
    const rows = list.map(z => {
      const shown = (z.rsis || []).filter(r => r.now > 0), who = shown.map(r => r.rsi), behind = z.behind || [];
      who.forEach(r => newer.add(r));
      const names = list => list.length === index.rsis.length ? `all ${number(list.length)}` : list.map(visible).join(" ");
      const one = shown.length > 0 && shown.every(r => r.now === 1);
      return { class: behind.length ? "bad" : "", cells: [String(z.serial), mtric.seconds(z.published) ? mtric.stamp(mtric.seconds(z.published)) : "not known", `${number((z.rsis || []).length)} of ${number(index.rsis.length)}`,
        who.length === 0 ? "–" : [names(who), one && h("small", {}, " (seen by no two vantage points at once)"), behind.length > 0 && h("b", { class: "warn" }, ` behind by an open event: ${names(behind)}`)]] };
    });
    const unseen = index.rsis.filter(r => !newer.has(r));
    return h("section", { "aria-labelledby": "serials" }, h("h2", { id: "serials" }, "Which zone is where"),
      list.length ? mtric.table(["Serial", "Published", "RSIs that have shown it", "The newest zone shown in the last half hour by"], rows, "The newest serials of the root zone") : h("p", {}, "No serial is known."),
      list.length > 0 && unseen.length > 0 && mtric.note(`Not known in the last half hour: which serial ${unseen.map(visible).join(", ")} ${unseen.length === 1 ? "shows" : "show"}.`),
      h("p", {}, h("a", { href: mtric.address(["zones"]) }, "All serials")));
  }

  function alerts(now, index) {
    if (index.edition !== "internal") return null; // this edition has none: to say "no alert" would be to know
    const rank = { critical: 0, warning: 1, info: 2 };
    const list = [...(now.alerts || [])].sort((a, b) => (rank[a.level] ?? 1) - (rank[b.level] ?? 1));
    return h("section", { "aria-labelledby": "alerts" }, h("h2", { id: "alerts" }, "Alerts"),
      list.length ? h("ul", { class: "alerts" }, list.map(a => h("li", { class: `level-${rank[a.level] ?? 1}` }, h("b", {}, visible(a.level)), ` ${visible(a.of)}: `, told(a.text))))
        : h("p", {}, "No alert of the plan’s rules is known to fire."));
  }

  // told is an alert's line without what stands beside it already.
  function told(text) {
    const [, at, rest] = /^(\S+) \S+ (?:info|warning|critical) (?:FIRING|FATAL) (.*)$/.exec(text) || [];
    return mtric.seconds(at) ? `${visible(rest)} (told ${mtric.stamp(mtric.seconds(at))})` : visible(text);
  }

  mtric.view("now", { title: "Now", show });
})();
