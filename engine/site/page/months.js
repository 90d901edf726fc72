// The view Months: the verdicts of the monthly reports, and how they went over the months.
"use strict";

(() => {
  const { h, visible, number } = mtric;
  const words = { pass: "pass", fail: "FAIL", no_data: "no data" };
  const word = v => words[v] || visible(v || "no data");
  const id = v => v === "pass" || v === "fail" ? v : "none";

  async function show(route, index) {
    const months = (await mtric.load("months")).months || [];
    if (!months.length) return h("div", {}, h("h1", {}, "Months"), mtric.without(index, "reports", "monthly reports") || mtric.note("There is no monthly report yet. The first is made after the end of a month."));
    const m = months.find(x => x.month === route.parts[0]) || months[0];
    const metrics = [...new Set(m.verdicts.map(v => v.metric))];
    const rsis = [...new Set(m.verdicts.filter(v => v.rsi).map(v => v.rsi))];
    const report = m.report && mtric.link(m.report);
    return h("div", {}, h("h1", {}, "Months"), trend(months, m),
      h("h2", {}, `Verdicts of ${name(m)}`),
      h("p", {}, m.final ? "This report is final." : h("b", {}, "This report is preliminary: verdicts may still change."), " ",
        report ? h("a", { href: report }, "The report") : "The report is not beside this site.", m.digest && [" Digest ", h("code", {}, visible(m.digest))]),
      matrix(m, metrics, rsis), rests(m));
  }

  const name = m => /^\d{4}-\d{2}$/.test(m.month) ? mtric.period(m.month.replace("-", "")).text : visible(m.month);

  // chip is a verdict: a word, never a colour alone.
  function chip(v) {
    if (!v) return h("span", { class: "soft" }, "–");
    return h("span", { class: `verdict v-${id(v.verdict)}`, title: [v.value, v.threshold && `threshold ${v.threshold}`].filter(Boolean).map(visible).join(", ") || null },
      word(v.verdict), v.rests_on ? "*" : "");
  }

  function matrix(m, metrics, rsis) {
    const at = (rsi, metric) => m.verdicts.find(v => v.rsi === rsi && v.metric === metric);
    const own = metrics.filter(t => rsis.some(r => at(r, t))), system = metrics.filter(t => at("", t));
    return h("div", {},
      system.length > 0 && mtric.table(["Root server system", "Verdict", "Value", "Threshold"],
        system.map(t => [visible(t), chip(at("", t)), visible(at("", t).value || "–"), visible(at("", t).threshold || "–")]), "Verdicts of the root server system"),
      own.length > 0 && mtric.table(["Root server identifiers", ...rsis.map(visible)],
        own.map(t => [[visible(t), threshold(m, t)], ...rsis.map(r => { const v = at(r, t); return [chip(v), v && v.value ? h("div", { class: "soft small" }, visible(v.value)) : ""]; })]), "Verdicts of each root server identifier", "dense"));
  }

  function threshold(m, metric) {
    const t = m.verdicts.find(v => v.rsi && v.metric === metric && v.threshold);
    return t ? h("div", { class: "soft small" }, visible(t.threshold)) : "";
  }

  // rests tells of each FAIL on whose testimony it rests, if on one vantage point's alone.
  function rests(m) {
    const list = m.verdicts.filter(v => v.rests_on);
    return list.length ? h("div", {}, h("p", {}, "* rests on one vantage point:"), h("ul", {}, list.map(v => h("li", {}, `${v.rsi ? `${visible(v.rsi)}: ` : ""}${visible(v.metric)}: without ${visible(v.rests_on)} it would not be a ${word(v.verdict)}.`)))) : null;
  }

  // trend is the months side by side: of each metric the system's verdict, and how many RSIs fail.
  function trend(months, chosen) {
    const shown = months.slice(0, 13).reverse();
    const system = [...new Set(shown.flatMap(m => m.verdicts.filter(v => !v.rsi).map(v => v.metric)))];
    const own = [...new Set(shown.flatMap(m => m.verdicts.filter(v => v.rsi).map(v => v.metric)))];
    const heads = ["Metric", ...shown.map(m => h("a", { href: mtric.address(["months", m.month]), "aria-current": m === chosen ? "true" : null }, visible(m.month)))];
    const rows = [
      ...system.map(t => [`RSS: ${visible(t)}`, ...shown.map(m => { const v = m.verdicts.find(x => !x.rsi && x.metric === t); return v ? [chip(v), v.value ? h("div", { class: "soft small" }, visible(v.value)) : ""] : "–"; })]),
      ...own.map(t => [`RSIs: ${visible(t)}`, ...shown.map(m => tally(m.verdicts.filter(v => v.rsi && v.metric === t)))]),
    ];
    return h("section", {}, mtric.table(heads, rows, "The months side by side; a month leads to its verdicts"),
      months.length > shown.length && h("p", {}, "Earlier: ", months.slice(13).map(m => [h("a", { href: mtric.address(["months", m.month]) }, visible(m.month)), " "])));
  }

  function tally(list) {
    if (!list.length) return "–";
    const n = v => list.filter(x => id(x.verdict) === v).length;
    const out = [];
    if (n("fail")) out.push(h("div", {}, h("span", { class: "verdict v-fail" }, `${number(n("fail"))} FAIL`), h("span", { class: "soft small" }, ` ${list.filter(x => x.verdict === "fail").map(x => visible(x.rsi)).join(" ")}`)));
    if (n("none")) out.push(h("div", {}, h("span", { class: "verdict v-none" }, `${number(n("none"))} no data`)));
    if (n("pass")) out.push(h("div", {}, h("span", { class: "verdict v-pass" }, `${number(n("pass"))} pass`)));
    return out;
  }

  mtric.view("months", { title: "Months", show });
})();
