// What is behind a chosen cell: its values, the answers that were not good, the commands that
// show the rows and judge them again; and the course of latency of its row.
"use strict";

mtric.evidence = (() => {
  const { h, visible } = mtric;
  const C = mtric.cells;

  async function panel(v, g, chosen, index, picture, events) {
    if (chosen.col === null) return h("section", { id: "evidence", hidden: true });
    const { row, col } = chosen, i = row * g.steps + col, at = g.from + col * g.step;
    const rsi = v.by === "rsi" ? v.who : g.ids[row], vp = v.by === "rsi" ? g.ids[row] : v.who;
    const day = mtric.nameOf.day(at), state = C.states[g.state[i]], kind = picture.classes[picture.kind(row, col)];
    // What is the vantage point's own does not show in answers, and a cell that is good says nothing of it.
    const told = events.filter(e => mtric.seconds(e.from) < at + g.step && mtric.seconds(e.until) > at && (!e.rsi ? e.vantage_point === vp
      : e.id === v.query.event && e.rsi === rsi && (e.vantage_point ? e.vantage_point === vp : (e.vantage_points || []).includes(vp))));
    const own = state.id === "good" && told.some(e => !e.rsi);
    const span = g.step >= 86400 ? mtric.day(at) : `${mtric.stamp(at)}${g.step > 300 ? ` to ${mtric.clock(at + g.step)}` : ""}`;
    return h("section", { id: "evidence", "aria-live": "polite" },
      h("h2", {}, `${visible(vp)} asks ${visible(rsi)} over ${mtric.path(v.path)}, ${span}`),
      told.map(e => h("p", {}, mtric.events.badge(e), ` ${mtric.events.words(e, index)}.`)),
      h("p", {}, v.metric === "state" ? !own && [h("span", { class: `dot s-${kind.id}` }, kind.letter), ` ${capital(kind.text)}. `]
        : [`Availability: ${state.text}. `, h("b", {}, `${capital(kind.text)}. `)], picture.tell(row, col).map(t => `${capital(t)}. `)),
      v.period.level !== "day" && h("p", {}, h("a", { href: mtric.explorer.href(v, { period: day, at, row: g.ids[row] }) }, `See ${mtric.period(day).text} by five minutes`)),
      index.edition === "internal"
        ? await answers(v, index, { rsi, vp, at, until: at + g.step, day, state: g.state[i] })
        : mtric.note("What single answers said is withheld in this edition (RSSAC047). It is in the internal edition of whoever runs these measurements."));
  }

  const capital = t => `${t[0].toUpperCase()}${t.slice(1)}`;

  // answers are the rows of the details of a cell, of its path.
  async function answers(v, index, cell) {
    // What is lacking matters where something went wrong; else it is a quiet remark.
    const wrong = cell.state >= C.OWN && cell.state <= C.INCORRECT, missing = wrong ? mtric.note : mtric.soft;
    const show = rows => h("p", {}, "All rows of this cell, where the lake is: ", h("code", { class: "command" }, command(v, cell, rows)));
    // The files have hours that have been over for half an hour.
    const coming = (Math.floor((cell.until - 1) / 3600) + 1) * 3600 + 1800 > (mtric.seconds(index.last) || 0) && "The single answers of this hour come when it has been over for half an hour.";
    if (!(index.details || []).includes(cell.day)) return h("div", {}, missing(coming || `No single answers of ${mtric.day(cell.at)} are kept on this site.`), show([]));
    let file;
    try {
      file = await mtric.load(`details/${cell.day}/${cell.rsi}`);
    } catch (e) {
      return h("div", {}, mtric.note(`${e.message} The answers behind this cell cannot be shown here.`), show([]));
    }
    const rows = (file.rows || []).filter(r => r.vp === cell.vp && inside(r, cell) && (v.path === "all" || r.path === v.path));
    const left = Object.entries(file.left_off || {}).filter(([k]) => k.startsWith(`${cell.vp} `) && (v.path === "all" || k === `${cell.vp} ${v.path}`)).reduce((n, [, m]) => n + m, 0);
    return h("div", {},
      rows.length ? answerTable(rows.slice(0, 60), v) : coming ? missing(coming)
        : wrong ? missing("No single answer of this cell is kept on this site.")
          : h("p", {}, "No single answer of this cell is kept on this site: only those that failed, were incorrect, came with further datagrams or were the first by another server."),
      rows.length > 60 && mtric.note(`${mtric.number(rows.length - 60)} more rows are not shown.`),
      left > 0 && mtric.note(`Of this vantage point and path ${mtric.plural(left, "row")} of the day ${left === 1 ? "is" : "are"} left off here, since a day has at most 500 for each RSI. The command shows all.`),
      show(file.rows || []));
  }

  function inside(r, cell) {
    const t = mtric.seconds(r.interval);
    return t >= cell.at && t < cell.until;
  }

  // command shows the rows of a cell, from the file of the lake that the details name.
  function command(v, cell, rows) {
    const file = (/\S+\.parquet$/.exec(rows[0]?.show || "") || [`Lake/answers/yyyymm=${cell.day.slice(0, 6)}/answers-${cell.day}.parquet`])[0];
    const [family, transport] = v.path === "all" ? [] : [v.path.startsWith("v4") ? "ipv4" : "ipv6", v.path.slice(3)];
    const when = cell.until - cell.at <= 3600 ? Array.from({ length: Math.round((cell.until - cell.at) / 300) }, (_, n) => `${mtric.day(cell.at + 300 * n)}T${mtric.clock(cell.at + 300 * n)}Z`).join(",") : "";
    const word = s => /^[\w.:,=-]+$/.test(s) ? s : `'${s.replace(/'/g, "'\\''")}'`;
    return ["mtric show", `--where ${word(`vantage_point=${visible(cell.vp)}`)}`, `--where ${word(`rsi=${visible(cell.rsi)}`)}`, family && `--where family=${family} --where transport=${transport}`,
      when && `--where interval=${when}`, visible(file)].filter(Boolean).join(" ");
  }

  function answerTable(rows, v) {
    const why = { failed: "failed", incorrect: "incorrect", changed: "first by another server", extra: "further datagrams" };
    return h("div", {}, rows.map(r => h("details", { class: "answer", open: rows.length <= 3 },
      h("summary", {}, h("b", {}, visible(why[r.why] || r.why)), ` ${mtric.clock(mtric.seconds(r.interval))} ${mtric.path(r.path)} `, h("code", {}, visible(r.query)), ` ${visible(r.outcome)}`,
        r.rcode ? ` ${visible(r.rcode)}` : "", r.error ? `: ${visible(r.error)}` : ""),
      h("dl", {}, pairs([
        ["Latency", r.latency_us === undefined || r.latency_us === null ? null : mtric.ms(r.latency_us)],
        ["Serial", r.serial === undefined || r.serial === null ? null : String(r.serial)],
        ["Server (NSID)", r.nsid === undefined || r.nsid === null ? null : r.nsid === "" ? "(empty)" : h("code", {}, visible(r.nsid))],
        ["Verdict", r.verdict && visible(r.verdict)],
        ["Broken rules", (r.failures || []).length ? h("ul", {}, r.failures.map(f => h("li", {}, visible(f)))) : null],
        ["Further datagrams", (r.extra || []).length ? r.extra.map(visible).join("; ") : null],
        ["Last hops", r.route && h("code", {}, visible(r.route))],
        ["Shows the row", r.show && h("code", { class: "command" }, visible(r.show))],
        // The command reads the wire from its standard input: together they are one line to copy.
        ["Judges it again", r.check && /^[0-9a-f]+$/.test(r.wire || "") && h("code", { class: "command" }, `echo ${r.wire} | ${visible(r.check)}`)],
        ["Wire (hex)", !r.check && r.wire && h("code", { class: "wire" }, visible(r.wire))],
      ])))));
  }

  const pairs = list => list.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);

  // chart is the latency of a row over what is shown.
  function chart(v, g, row) {
    if (!g.latency.some(Boolean)) {
      if (v.path === "all" && g.values) return h("p", { class: "soft" }, "Latency is shown path by path: choose a path above.");
      return h("div", {});
    }
    const xs = [], ys = [], usual = [];
    for (let c = 0; c < g.steps; c++) {
      xs.push(g.from + c * g.step);
      const i = row * g.steps + c, inMs = b => b ? C.us(b) / 1000 : null;
      ys.push(inMs(g.latency[i]));
      usual.push(inMs(g.usual[i]));
    }
    const name = v.by === "rsi" ? `${visible(g.ids[row])} to ${visible(v.who)}` : `${visible(v.who)} to ${visible(g.ids[row])}`;
    const box = h("div", { class: "chart" });
    const known = ys.filter(y => y !== null), level = usual.filter(y => y !== null);
    const range = list => [Math.min(...list), Math.max(...list)].map(y => mtric.ms(1000 * y));
    const [low, high] = range(known), [from, to] = range(level);
    const dashed = level.length ? `Dashed: what is usual, ${from === to ? from : `${from} to ${to}`}.` : "What is usual is not known.";
    const figure = h("figure", {}, h("figcaption", {}, h("h2", {}, `Latency of good answers, ${name}, ${mtric.path(v.path)}`),
      h("p", { class: "soft" }, known.length ? `Median of each ${{ year: "day", month: "hour", day: "five minutes" }[v.period.level]}, in ms; a gap is a time without a good answer. ${dashed} Lowest ${low}, highest ${high}.`
        : "There was no good answer in this time.")), box);
    if (known.length) plot(box, xs, ys, usual);
    return figure;
  }

  function plot(box, xs, ys, usual) {
    let u = null;
    const end = 2 * xs[xs.length - 1] - xs[xs.length - 2]; // of the last cell
    const make = () => {
      const width = box.clientWidth;
      if (!width || !box.isConnected) return;
      u?.destroy();
      const line = mtric.heatmap.color("--line"), text = mtric.heatmap.color("--soft");
      const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif" };
      u = new uPlot({
        width, height: 200, legend: { live: true, isolate: false }, cursor: { drag: { x: false, y: false } },
        tzDate: s => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
        scales: { x: { time: true, range: [xs[0], end] }, y: { range: (_, low, high) => [0, high * 1.1 || 1] } },
        axes: [
          { ...axis, size: 34, splits: (_, i, from, until) => mtric.heatmap.ticks(from, until, width - 60, 62).map(t => t[0]),
            values: (_, splits) => { const t = new Map(mtric.heatmap.ticks(xs[0], end, width - 60, 62)); return splits.map(s => t.get(s) ?? ""); }, label: "UTC", labelSize: 14 },
          { ...axis, size: 52, values: (_, splits) => splits.map(s => `${mtric.number(s)}`), label: "ms", labelSize: 16 },
        ],
        series: [{ label: "Time", value: (_, s) => s === null ? "–" : mtric.stamp(s) }, { label: "median", value: (_, v) => v === null || v === undefined ? "–" : mtric.ms(v * 1000), stroke: mtric.heatmap.color("--series"), width: 1.5, spanGaps: false, points: { show: xs.length < 60 } },
          { label: "usual", value: (_, v) => v === null || v === undefined ? "–" : mtric.ms(v * 1000), stroke: mtric.heatmap.color("--soft"), width: 1, dash: [6, 4], points: { show: false } }],
      }, [xs, ys, usual], box);
    };
    new ResizeObserver(() => { if (!u || Math.abs(u.width - box.clientWidth) > 1) make(); }).observe(box);
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const again = () => box.isConnected ? make() : dark.removeEventListener("change", again);
    dark.addEventListener("change", again);
  }

  return { panel, chart };
})();
