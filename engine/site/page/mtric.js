// The core of the page: it loads data files, follows addresses and writes numbers and times.
//
// The page must work from file://, where fetch, modules, workers and pushState do not. So data
// are scripts that call mtric.tile, and addresses are hashes: #/explorer/rsi/k/v4-udp/20261127.
// Everything in the data may come from servers and vantage points that mean harm: it reaches
// the document as text only (see h), never as HTML.
"use strict";

const mtric = (() => {
  const files = new Map();   // key: promise of what the file holds
  const waiting = new Map(); // key: what to do with it
  const views = new Map();   // name: {title, show}
  let turn = 0;              // of the newest address: an older one that is still loading is dropped

  // tile is called by data files.
  function tile(key, data) {
    const take = waiting.get(key);
    if (take) take(data);
  }

  // load gives what the file data/KEY.js holds. A file that is missing, damaged or late is an
  // Error whose message a person can read.
  function load(key) {
    if (!files.has(key)) files.set(key, fetchScript(key));
    return files.get(key);
  }

  function fetchScript(key) {
    const name = `data/${key}.js`;
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = (f, x) => { clearTimeout(late); waiting.delete(key); script.remove(); f(x); };
      const fail = why => { files.delete(key); end(reject, new Error(`The file ${visible(name)} ${why}.`)); };
      const late = setTimeout(() => fail("did not arrive within 30 seconds"), 30000);
      waiting.set(key, data => {
        if (data && typeof data === "object") end(resolve, data);
        else fail("is damaged: it holds no data");
      });
      script.onload = () => { if (waiting.has(key)) fail("is damaged: it does not hold what its name says"); };
      script.onerror = () => fail("is missing or cannot be read");
      script.src = name.split("/").map(encodeURIComponent).join("/") + fresh(key);
      document.head.append(script);
    });
  }

  // fresh keeps a browser from showing an old copy of the files that change all the time.
  const fresh = key => key === "index" || key === "now" ? `?${Math.floor(Date.now() / 60000)}` : "";

  // forget has files loaded anew that are wanted again, but for those under way.
  const forget = () => { for (const key of [...files.keys()]) if (!waiting.has(key)) files.delete(key); };

  // h makes an element. Strings become text, whatever is in them.
  function h(name, attributes, ...children) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes || {})) {
      if (v === undefined || v === null || v === false) continue;
      if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
      else e.setAttribute(k, v === true ? "" : v);
    }
    e.append(...children.flat(Infinity).filter(c => c !== undefined && c !== null && c !== false && c !== ""));
    return e;
  }

  // visible shows characters that are invisible, end lines or turn the direction of text by
  // their number: a name must not look like another, nor lines be moved by it.
  function visible(text) {
    return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu, c => `\\u{${c.codePointAt(0).toString(16).toUpperCase()}}`);
  }

  // link is where a link of the data goes, if it goes to a page at all: never to a script.
  function link(url) {
    try {
      return url && ["http:", "https:", location.protocol].includes(new URL(url, location.href).protocol) ? url : null;
    } catch {
      return null;
    }
  }

  // ---- numbers and times

  const number = n => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  // share is cut off, not rounded: 99.999 % never becomes 100 %.
  const share = (part, whole) => whole > 0 ? `${Math.floor(1e4 * part / whole) / 100}\u202f%` : "–";
  const ms = us => us === null || us === undefined ? "–" : us < 9950 ? `${(us / 1000).toFixed(1)} ms` : `${number(Math.round(us / 1000))} ms`;
  const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many || one + "s"}`;

  const two = n => String(n).padStart(2, "0");
  const utc = s => new Date(s * 1000);
  const months = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const clock = s => `${two(utc(s).getUTCHours())}:${two(utc(s).getUTCMinutes())}`;
  const day = s => utc(s).toISOString().slice(0, 10);
  const stamp = s => `${day(s)} ${clock(s)} UTC`;
  // seconds reads a time of Go; its zero time is none.
  function seconds(text) {
    const s = Date.parse(text) / 1000;
    return s > 0 ? s : null;
  }
  // since is a time as one says it on the day of now.
  const since = (s, now) => day(s) === day(now) ? `${clock(s)} UTC` : stamp(s);

  function length(s) {
    const m = Math.round(s / 60);
    if (m < 60) return `${m} min`;
    if (m < 48 * 60) return `${Math.floor(m / 60)} h${m % 60 ? ` ${m % 60} min` : ""}`;
    const hours = Math.round(m / 60);
    return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ""}`;
  }

  const path = p => ({ "v4-udp": "IPv4 UDP", "v4-tcp": "IPv4 TCP", "v6-udp": "IPv6 UDP", "v6-tcp": "IPv6 TCP", all: "any path" })[p] || visible(p);

  // place is a word of the plan as one writes it: north_america is North America.
  const place = word => visible(word).replace(/_/g, " ").replace(/(^|[ -])\p{Ll}/gu, c => c.toUpperCase());

  // period is what 2026, 202611 or 20261127 means: its level, its time, and what is around it.
  function period(name) {
    const m = /^(\d{4})(\d{2})?(\d{2})?$/.exec(name);
    if (!m) throw new Error(`“${visible(name)}” is no year, month or day.`);
    const [y, mo, d] = [Number(m[1]), m[2] ? m[2] - 1 : 0, m[3] ? Number(m[3]) : 1];
    const at = (y, mo, d) => Date.UTC(y, mo, d) / 1000;
    const from = at(y, mo, d);
    if (m[3]) return { name, level: "day", from, until: from + 86400, step: 300, up: m[1] + m[2], text: `${d} ${months[mo]} ${y}` };
    if (m[2]) return { name, level: "month", from, until: at(y, mo + 1, 1), step: 3600, up: m[1], text: `${months[mo]} ${y}` };
    return { name, level: "year", from, until: at(y + 1, 0, 1), step: 86400, up: null, text: `${y}` };
  }
  const nameOf = { day: s => day(s).replace(/-/g, ""), month: s => day(s).slice(0, 7).replace("-", ""), year: s => day(s).slice(0, 4) };

  // ---- addresses

  // address makes a hash: address(["explorer", "rsi", "k"], {m: "latency"}).
  function address(parts, query) {
    const q = Object.entries(query || {}).filter(([, v]) => v !== undefined && v !== null && v !== "" && v !== false)
      .map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join("&");
    return `#/${parts.map(encodeURIComponent).join("/")}${q ? `?${q}` : ""}`;
  }

  function route() {
    const [where, query] = location.hash.replace(/^#\/?/, "").split("?");
    const decode = s => { try { return decodeURIComponent(s); } catch { return s; } };
    const q = {};
    for (const pair of (query || "").split("&").filter(Boolean)) {
      const [k, ...v] = pair.split("=");
      q[k] = decode(v.join("="));
    }
    const parts = where.split("/").filter(Boolean).map(decode);
    return { view: parts[0] || "now", parts: parts.slice(1), query: q };
  }

  const view = (name, v) => views.set(name, v);

  // go shows the view of the address. What fails is said on the page.
  async function go() {
    const mine = ++turn, r = route();
    const v = views.get(r.view);
    const main = document.getElementById("main");
    const wait = setTimeout(() => main.setAttribute("aria-busy", "true"), 150);
    let shown;
    try {
      if (!v) throw new Error(`There is no view “${visible(r.view)}”.`);
      shown = await v.show(r, await load("index"));
    } catch (e) {
      shown = trouble(e, `${v ? v.title : "This"} cannot be shown`);
    }
    clearTimeout(wait);
    if (mine !== turn) return;
    const keep = main.querySelector("canvas.heat") === document.activeElement;
    main.removeAttribute("aria-busy");
    main.dataset.view = r.view;
    main.dataset.shown = location.hash;
    main.replaceChildren(shown);
    for (const a of document.querySelectorAll("#views a")) {
      if (a.dataset.view === r.view) a.setAttribute("aria-current", "page");
      else a.removeAttribute("aria-current");
    }
    document.title = `${v ? v.title : "?"} – ${document.getElementById("site").textContent}`;
    if (keep) main.querySelector("canvas.heat")?.focus({ preventScroll: true });
    main.dispatchEvent(new Event("drawn"));
  }

  // trouble is an error in words.
  function trouble(e, what) {
    return h("section", { class: "trouble", role: "alert" }, h("h1", {}, what),
      h("p", {}, e.message),
      h("p", {}, "Nothing is shown rather than something wrong. If it does not go away by loading the page again, ask the people who run this site."));
  }

  const note = (...text) => h("p", { class: "note" }, ...text);
  // without says what these pages were made without: that nothing is told of it says nothing.
  const without = (index, what, text) => (index.without || []).includes(what) ? note(`These pages were made without ${text}: what is not told of them is not known here.`) : null;
  const soft = (...text) => h("p", { class: "soft" }, ...text);

  // table is a table that scrolls within itself where the screen is narrow.
  function table(heads, rows, caption, kind) {
    return h("div", {}, h("p", { class: "caption", "aria-hidden": "true" }, caption), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
      h("table", { class: kind },
        h("thead", {}, h("tr", {}, heads.map(t => h("th", { scope: "col" }, t)))),
        h("tbody", {}, rows.map(r => h("tr", { class: r.class }, (r.cells || r).map((c, i) => i === 0 ? h("th", { scope: "row" }, c) : h("td", {}, c))))))));
  }

  return { tile, load, forget, h, visible, link, number, share, ms, plural, clock, day, stamp, seconds, since, length, months, utc, path, place,
    period, nameOf, address, route, view, views, go, trouble, note, without, soft, table };
})();
