// The view Zones: when each RSI showed each serial first and last, against its publication, and
// where the archive of root zones has holes.
"use strict";

mtric.zones = (() => {
  const { h, visible, number } = mtric;
  const C = mtric.cells;
  const monthOf = key => (/(\d{6})(?!.*\d)/.exec(key) || [])[1];

  // load reads some files of zones. A serial that two files have is told by the later one.
  async function load(keys) {
    const zones = new Map(), holes = [], missed = [];
    await Promise.all(keys.map(async key => {
      try {
        const file = await mtric.load(key);
        for (const z of file.serials || []) zones.set(z.serial, z);
        holes.push(...file.holes || []);
      } catch (e) {
        missed.push(e.message);
      }
    }));
    const sorted = [...zones.values()].sort((a, b) => C.older(a.serial, b.serial) ? 1 : -1);
    return { zones: sorted, holes: holes.sort((a, b) => mtric.seconds(a.from) - mtric.seconds(b.from)), missed };
  }

  // around are the zones of a time and of the month before: the zone of then may be of it.
  function around(index, from, until) {
    const first = mtric.nameOf.month(from - 31 * 86400), last = mtric.nameOf.month(until - 1);
    return load((index.zones || []).filter(k => monthOf(k) >= first && monthOf(k) <= last));
  }

  async function show(route, index) {
    const keys = index.zones || [];
    if (!keys.length) return h("div", {}, h("h1", {}, "Zones"), mtric.note("No serials are known: there is no file of them."));
    const key = keys.find(k => monthOf(k) === route.parts[0]) || keys[keys.length - 1];
    const month = monthOf(key), what = route.parts[1] === "last" ? "last" : "first";
    const before = keys[keys.indexOf(key) - 1], after = keys[keys.indexOf(key) + 1];
    const { zones, holes, missed } = await load([key]);
    const to = (k, w) => mtric.address(["zones", monthOf(k), w || what]);
    return h("div", {}, h("h1", {}, `Zones, ${mtric.period(month).text}`),
      mtric.without(index, "publication", "the times at which zones were published"),
      h("div", { class: "controls" },
        h("nav", { class: "periods", "aria-label": "Month" }, before ? h("a", { href: to(before), "aria-label": "The month before" }, "‹") : h("span", { class: "off" }, "‹"), mtric.period(month).text,
          after ? h("a", { href: to(after), "aria-label": "The month after" }, "›") : h("span", { class: "off" }, "›")),
        h("div", { class: "tabs", role: "group", "aria-label": "What" }, [["first", "first shown"], ["last", "last shown"]].map(([w, text]) => h("a", { href: to(key, w), "aria-current": w === what ? "true" : null }, text)))),
      missed.map(m => mtric.note(m)),
      mtric.soft(what === "first"
        ? "How long after its publication an RSI showed a zone first, or a newer one, at any vantage point. Publication is when a second vantage point confirms the first sighting (RSSAC047). Labels are five minutes apart, so shorter times read 0 min."
        : "How long after the next zone’s publication an RSI still showed a zone to two vantage points, or to the only one that the plan has.",
        " Where nobody asked in between it is not known whether it was longer than 65 min, and that is said: what was not measured is nobody’s delay, and what one vantage point alone saw is none either."),
      field(zones, index, what),
      h("h2", {}, "Holes of the archive"),
      holes.length ? h("ul", {}, holes.map(s => h("li", {}, `${mtric.stamp(mtric.seconds(s.from))} to ${mtric.stamp(mtric.seconds(s.until))} (${mtric.length(mtric.seconds(s.until) - mtric.seconds(s.from))}): zones published then are not in the archive, so answers of then may not be judged.`)))
        : h("p", {}, "None is known in this month."));
  }

  // The delays are in the files, by the rule of publication latency: here they are only shown.
  function field(zones, index, what) {
    if (!zones.length) return h("p", {}, "No serial was first shown in this month.");
    const counts = { intime: 0, late: 0, never: 0, open: 0, unseen: 0, undated: 0 };
    const rows = zones.map(z => {
      const published = mtric.seconds(z.published);
      const shown = new Map((z.rsis || []).map(r => [r.rsi, r]));
      return h("tr", {}, h("th", { scope: "row" }, String(z.serial)), h("td", { class: "when" }, published ? mtric.stamp(published).replace(" UTC", "") : "not known"),
        index.rsis.map(r => (z.never || []).includes(r) ? never(r, published, counts) : cell(shown.get(r), counts, what)));
    });
    return h("div", {}, h("ul", { class: "legend" }, [["intime", what === "first" ? "within 65 min" : "gone within 65 min"], ["late", "later than 65 min"], ["never", "not shown, nor a newer one within 65 min of its publication"], ["open", "not known whether within 65 min"], ["unseen", "not seen there"], ["undated", "seen, its delay is not known"]]
      .map(([id, text]) => h("li", {}, h("span", { class: `mini z-${id}` }, { intime: "5 min", late: "L", never: "N", open: "5+", unseen: "–", undated: "?" }[id]), ` ${text} `, h("b", {}, number(counts[id]))))),
    h("p", { class: "caption" }, `${mtric.plural(zones.length, "serial")}, the newest first. Each field leads to the explorer.`),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Serials by RSI" }, h("table", { class: "zones" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Serial"), h("th", { scope: "col" }, "Published (UTC)"), index.rsis.map(r => h("th", { scope: "col" }, visible(r))))), h("tbody", {}, rows))));
  }

  const path = (rsi, at) => mtric.address(["explorer", "rsi", rsi, "all", mtric.nameOf.day(at)], { m: "serial", at });

  // never is an RSI that went on without.
  function never(rsi, published, counts) {
    counts.never++;
    return h("td", { class: "z-never" }, h("a", { href: path(rsi, published + 65 * 60), title: "not shown in time, nor a newer one" }, "N"));
  }

  function cell(shown, counts, what) {
    if (!shown || !mtric.seconds(shown[what])) {
      counts.unseen++;
      return h("td", { class: "z-unseen" }, "–");
    }
    const at = mtric.seconds(shown[what]), told = `${what} shown ${mtric.stamp(at)}; ${mtric.plural(shown.vps, "vantage point")} saw it at some time`;
    const delay = what === "first" ? shown.came : shown.gone, min = n => mtric.length(n * 60);
    if (!delay) {
      counts.undated++;
      return h("td", { class: "z-undated" }, h("a", { href: path(shown.rsi, at), title: told }, "?"));
    }
    const between = delay.most ? `; between ${min(delay.min)} and ${min(delay.most)}, since not enough was asked in between` : "";
    const kind = { in_time: "intime", late: "late" }[delay.state] || "open";
    counts[kind]++;
    return h("td", { class: `z-${kind}` }, h("a", { href: path(shown.rsi, at), title: told + between }, kind === "late" ? h("b", {}, "L ") : "", min(delay.min), kind === "open" ? "+" : ""));
  }

  mtric.view("zones", { title: "Zones", show });
  return { around };
})();
