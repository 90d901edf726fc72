// The view Events, and the words for events that the other views use.
"use strict";

mtric.events = (() => {
  const { h, visible } = mtric;
  const kinds = {
    outage: "outage", outage_local: "outage at one vantage point", slow: "slower than usual", stale: "old zone", wrong: "incorrect answers",
    instance: "other servers", silence: "vantage point silent", clock: "clock", off_plan: "off plan", local: "vantage point’s own trouble",
  };
  // What accuses a server comes before what is seen from one place, and before our own trouble.
  const order = ["wrong", "outage", "stale", "silence", "local", "clock", "outage_local", "slow", "off_plan", "instance"];
  const bySeverity = (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || mtric.seconds(a.from) - mtric.seconds(b.from);

  const family = f => ({ ipv4: "IPv4", ipv6: "IPv6" })[f] || "";
  const over = e => e.family ? ` over ${family(e.family)}${e.transport ? ` ${e.transport.toUpperCase()}` : ""}` : "";
  const path = e => e.family ? `${e.family === "ipv4" ? "v4" : "v6"}-${e.transport || "udp"}` : "all";

  // onPath is whether an event is about a path, too.
  const onPath = (e, path) => path === "all" || !e.family || path.startsWith(e.family === "ipv4" ? "v4" : "v6") && (!e.transport || path.endsWith(e.transport));

  // failed is whether an event tells that an RSI failed at a vantage point within a time.
  const failed = (e, rsi, vp, from, until) => ["outage", "outage_local", "wrong"].includes(e.kind) && e.rsi === rsi &&
    (e.vantage_point ? e.vantage_point === vp : (e.vantage_points || []).includes(vp)) && mtric.seconds(e.from) < until && mtric.seconds(e.until) > from;

  // seen says who saw it, at any time of it. Of how many is not said: a vantage point that was
  // silent, or asked nothing there, could not see it.
  function seen(e) {
    const names = (e.vantage_points || []).map(visible), n = names.length;
    if (n < 2) return n ? `seen by one vantage point alone, ${names[0]}` : "";
    return e.worst === null || e.worst === undefined || n > 8 ? `seen by ${mtric.number(n)} vantage points` : `seen by ${n}: ${names.join(", ")}`;
  }

  // shares is how much of its time an event was seen in.
  function shares(e) {
    const { labels_bad: bad, labels_seen: all } = e, unit = e.kind === "slow" ? "hour" : "interval";
    if (!all || e.kind === "instance" || !e.rsi && bad === all) return "";
    return bad === all ? all > 1 ? `, in all ${mtric.plural(all, unit)}` : `, in one ${unit}` : `, in ${mtric.number(bad)} of ${mtric.plural(all, unit)}`;
  }

  // measured adds who saw it to what was measured, if that is told.
  const measured = (e, text) => {
    const by = seen(e), told = e.worst === null || e.worst === undefined ? "" : text;
    return told ? `${told}${by && ` (${by})`}` : by && `, ${by}`;
  };
  // percent is never rounded to all.
  const percent = share => share < 1 ? Math.min(99, Math.round(100 * share)) : 100;

  // what is the event as a sentence without its time.
  const what = e => `${sentence(e)}${shares(e)}${e.kind === "outage_local" ? "; too few vantage points saw it at once to call it an outage" : ""}`;
  function sentence(e) {
    const rsi = visible(e.rsi), vp = visible(e.vantage_point), worst = e.worst;
    switch (e.kind) {
      case "outage": return `${rsi}${over(e)} fails${measured(e, ` for up to ${percent(worst)} % of the vantage points that asked`)}`;
      case "outage_local": return `${rsi}${over(e)} fails at vantage point ${vp}`;
      case "slow": return `${rsi}${over(e)} answers vantage point ${vp} later than usual${worst ? `, by up to ${mtric.number(Math.round(worst))} ms` : ""}`;
      case "stale": return `${rsi} shows a zone older than ${e.serial ?? "the published one"}${measured(e, `, up to ${mtric.length(worst * 60)} after it was published`)}`;
      case "wrong": return `${rsi} gives incorrect answers${measured(e, `, up to ${mtric.number(worst)} at a time`)}`;
      case "instance": return `Other servers of ${rsi} answer vantage point ${vp}${over(e)}`;
      case "silence": return `Vantage point ${vp} sends no measurements`;
      case "clock": return `The clock of vantage point ${vp} is not known to be right`;
      case "off_plan": return `Vantage point ${vp} asks at other addresses than the plan’s`;
      case "local": return e.transport ? `Vantage point ${vp} gets none but incorrect answers${over(e)}, and good ones over another transport: its own trouble, counted against no RSI` : `All that vantage point ${vp} asks${over(e)} fails: its own trouble, counted against no RSI`;
      default: return `${visible(e.kind)}${rsi === "null" ? "" : ` of ${rsi}`}${vp === "null" ? "" : ` at ${vp}`}`;
    }
  }

  // Past events are told in the past.
  const past = [[" fails", " failed"], [" answers vantage", " answered vantage"], [" shows ", " showed "], [" gives ", " gave "], [" answer vantage", " answered vantage"],
    [" sends no", " sent no"], [" is not known", " was not known"], [" gets ", " got "], [" asks at", " asked at"]];

  // Below the heading of a day its date is not said again.
  function words(e, index, day) {
    const from = mtric.seconds(e.from), until = mtric.seconds(e.until), now = mtric.seconds(index.last);
    let text = what(e);
    // It may go on, and need not be so in the newest measurement.
    if (e.open && until > now) return `${text}, since ${mtric.since(from, now)} (${mtric.length(until - from)})`;
    for (const [a, b] of past) if (text.includes(a)) { text = text.replace(a, b); break; }
    const end = mtric.day(from) === mtric.day(until) ? `${mtric.clock(until)} UTC` : mtric.stamp(until);
    return `${text}, ${mtric.day(from) === day ? "" : `${mtric.day(from)} `}${mtric.clock(from)} to ${end} (${mtric.length(until - from)})${e.open ? ", and may go on" : ""}`;
  }

  // link leads to the explorer at the place and time of an event.
  function link(e, index) {
    const from = mtric.seconds(e.from), until = mtric.seconds(e.until);
    const days = new Set(index.days), months = new Set(index.months);
    let period = mtric.nameOf.day(from);
    if (!days.has(period) || until - from > 3 * 86400) {
      const month = mtric.nameOf.month(from);
      if (months.has(month) || !days.has(period)) period = month;
    }
    const metric = { slow: "latency", stale: "serial", instance: "instance" }[e.kind];
    // Without a row the explorer chooses a cell that shows it: the data say which.
    return mtric.address(["explorer", e.rsi ? "rsi" : "vp", e.rsi || e.vantage_point, path(e), period], { m: metric, at: from, event: e.id });
  }

  const badge = e => h("span", { class: `kind ${e.kind.replace(/[^a-z_]/g, "")}` }, kinds[e.kind] || visible(e.kind));

  function item(e, index, known, day) {
    const servers = text => visible(text || "") || "without a name";
    return h("li", { class: `event${e.open ? " open" : ""}${e.id === known ? " this" : ""}`, "data-event": e.id }, badge(e), " ",
      h("a", { href: link(e, index) }, words(e, index, day)), e.open && h("b", { class: "opened" }, " open"),
      (e.before || e.after) && h("div", { class: "soft" }, "Servers before: ", h("code", {}, servers(e.before)), "; since: ", h("code", {}, servers(e.after))));
  }

  // all are the events of some files, the newest first, without those that became others.
  async function all(keys) {
    const missed = [], found = [];
    await Promise.all(keys.map(async key => {
      try {
        const file = await mtric.load(key);
        if (!Array.isArray(file.events)) throw new Error(`The file data/${visible(key)}.js is damaged: it has no events.`);
        found.push(...file.events.filter(e => !e.superseded_by && mtric.seconds(e.from)));
      } catch (e) {
        missed.push(e.message);
      }
    }));
    found.sort((a, b) => mtric.seconds(b.from) - mtric.seconds(a.from) || bySeverity(a, b));
    return { events: [...new Map(found.map(e => [e.id, e])).values()], missed };
  }

  // monthOf is the month of a file of events; a month may have several.
  const monthOf = key => (/(\d{6})(?!.*\d)/.exec(key) || [])[1] || "";

  // keysOf are the files that may have events of a time: those of its months and the one before.
  function keysOf(index, from, until) {
    const first = mtric.nameOf.month(from - 31 * 86400), last = mtric.nameOf.month(until - 1);
    return (index.events || []).filter(k => monthOf(k) >= first && monthOf(k) <= last);
  }

  function select(label, value, choices, change) {
    return h("label", {}, h("span", {}, label), h("select", { onchange: ev => change(ev.target.value) },
      choices.map(([v, text]) => h("option", { value: v, selected: v === value }, text))));
  }

  async function show(route, index) {
    const q = route.query, keys = index.events || [];
    const months = Math.max(2, Number(q.months) || 2), since = [...new Set(keys.map(monthOf))].slice(-months)[0];
    const { events, missed } = await all(keys.filter(k => monthOf(k) >= since));
    const path = e => e.family || "";
    const fits = e => (!q.kind || e.kind === q.kind) && (!q.rsi || e.rsi === q.rsi) && (!q.path || path(e) === q.path) && (!q.open || e.open) &&
      (!q.vp || e.vantage_point === q.vp || (e.vantage_points || []).includes(q.vp));
    const set = (k, v) => { location.hash = mtric.address(["events"], { ...q, [k]: v, rows: "" }); };
    const count = kind => events.filter(e => e.kind === kind).length;
    const chosen = events.filter(fits);
    const rows = Math.max(100, Number(q.rows) || 100);
    const filters = h("form", { class: "controls", onsubmit: ev => ev.preventDefault() },
      select("Kind", q.kind || "", [["", `all (${mtric.number(events.length)})`], ...order.filter(count).map(k => [k, `${kinds[k]} (${mtric.number(count(k))})`])], v => set("kind", v)),
      select("RSI", q.rsi || "", [["", "all"], ...index.rsis.map(r => [r, visible(r)])], v => set("rsi", v)),
      select("Vantage point", q.vp || "", [["", "all"], ...index.vps.map(v => [v.name, visible(v.name)])], v => set("vp", v)),
      select("Family", q.path || "", [["", "all"], ["ipv4", "IPv4"], ["ipv6", "IPv6"]], v => set("path", v)),
      select("State", q.open || "", [["", "open and over"], ["1", "open only"]], v => set("open", v)));
    return h("div", {}, h("h1", {}, "Events"),
      mtric.soft("When something was not as it should be, or changed. An event accuses nobody: verdicts are those of the reports. Each leads to its place and time."),
      filters, missed.map(m => mtric.note(m)),
      h("p", { role: "status" }, keys.length === 0 ? "No events are known: there is no file of them." :
        `${mtric.plural(chosen.length, "event")}${chosen.length < events.length ? ` of ${mtric.number(events.length)}` : ""}${chosen.length ? ", the newest first" : ""}.`),
      byDay(chosen.slice(0, rows), index, q.event),
      chosen.length > rows && h("p", {}, h("a", { href: mtric.address(["events"], { ...q, rows: rows + 200 }) }, `Show more (${mtric.number(chosen.length - rows)} are left)`)),
      keys.some(k => monthOf(k) < since) && h("p", {}, h("a", { href: mtric.address(["events"], { ...q, months: months + 6 }) }, "Show earlier events")));
  }

  function byDay(events, index, known) {
    const days = new Map();
    for (const e of events) {
      const d = mtric.day(mtric.seconds(e.from));
      days.set(d, [...(days.get(d) || []), e]);
    }
    return [...days].map(([d, list]) => h("section", {}, h("h2", { class: "day" }, d), h("ul", { class: "events" }, list.map(e => item(e, index, known, d)))));
  }

  mtric.view("events", { title: "Events", show });
  return { words, link, item, badge, all, keysOf, onPath, failed, kinds, select };
})();
