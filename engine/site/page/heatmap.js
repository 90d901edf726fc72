// The heat map: rows by time on a canvas, with a legend that counts, a table for those who do
// not see it, and everything reachable by mouse, finger and keyboard.
//
// A cell may be smaller than a pixel. Then the worse is drawn over the better, and a problem is
// never thinner than two pixels: noise may vanish from sight, trouble may not.
"use strict";

mtric.heatmap = (() => {
  const { h } = mtric;
  const AXIS = 22, MARKS = 8;

  // color reads a colour of the style sheet, so that light and dark are decided in one place.
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";

  // pattern is what tells a class apart without colour; in device pixels, to be crisp.
  const patterns = new Map();
  function pattern(ctx, mark, ink, ratio) {
    const key = `${mark} ${ink} ${ratio}`;
    if (patterns.has(key)) return patterns.get(key);
    const n = Math.round(({ hatch: 6, dots: 5, slash: 6, cross: 7, bars: 4, wave: 8, grid: 6 }[mark] || 6) * ratio);
    const tile = document.createElement("canvas");
    tile.width = tile.height = n;
    const p = tile.getContext("2d");
    p.strokeStyle = p.fillStyle = ink;
    p.lineWidth = ratio;
    const line = (...points) => { p.beginPath(); for (let i = 0; i < points.length; i += 4) { p.moveTo(points[i], points[i + 1]); p.lineTo(points[i + 2], points[i + 3]); } p.stroke(); };
    if (mark === "hatch") line(-1, n + 1, n + 1, -1, -1, 1, 1, -1, n - 1, n + 1, n + 1, n - 1);
    if (mark === "slash") line(-1, -1, n + 1, n + 1, -1, n - 1, 1, n + 1, n - 1, -1, n + 1, 1);
    if (mark === "cross") line(0, 0, n, n, 0, n, n, 0);
    if (mark === "dots") { p.beginPath(); p.arc(n / 2, n / 2, ratio, 0, 7); p.fill(); }
    if (mark === "bars") line(n / 2, 0, n / 2, n);
    if (mark === "wave") line(0, n / 2, n, n / 2);
    if (mark === "grid") line(n / 2, 0, n / 2, n, 0, n / 2, n, n / 2);
    const made = ctx.createPattern(tile, "repeat");
    patterns.set(key, made);
    return made;
  }

  // paint fills a rectangle as a class looks.
  function paint(ctx, c, x, y, w, hgt, ratio) {
    ctx.fillStyle = color(c.color);
    ctx.fillRect(x, y, w, hgt);
    if (!c.mark || w < 3) return;
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = pattern(ctx, c.mark, color(`${c.color}-ink`), ratio);
    ctx.fillRect(Math.round(x * ratio), Math.round(y * ratio), Math.round(w * ratio), Math.round(hgt * ratio));
    ctx.restore();
  }

  function sharp(canvas, w, hgt) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(hgt * ratio);
    canvas.style.width = `${w}px`;
    canvas.style.height = `${hgt}px`;
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    return [ctx, ratio];
  }

  // swatch is a class as a small picture for the legend.
  function swatch(c) {
    const canvas = h("canvas", { class: "swatch", "aria-hidden": "true" });
    canvas.paint = () => {
      const [ctx, ratio] = sharp(canvas, 22, 16);
      paint(ctx, c, 0, 0, 22, 16, ratio);
      if (c.fill) { ctx.fillStyle = color(c.fill); ctx.fillRect(0, 10, 22, 6); }
      ctx.strokeStyle = color("--line");
      ctx.strokeRect(0.5, 0.5, 21, 15);
    };
    canvas.paint();
    return canvas;
  }

  // ticks are the times of an axis: round ones, as many as have room for their text.
  function ticks(from, until, width, room) {
    const H = 3600, D = 86400;
    const span = until - from;
    if (span > 100 * D) { // months
      const every = [1, 2, 3, 6].find(n => width * 30.4 * n * D / span >= room) || 12;
      const out = [];
      for (let d = mtric.utc(from), i = 0; i < 400; i++) {
        const s = Date.UTC(d.getUTCFullYear(), i, 1) / 1000;
        if (s >= until) break;
        if (s >= from && i % every === 0) out.push([s, mtric.months[i % 12].slice(0, 3)]);
      }
      return out;
    }
    const step = [300, 600, 900, 1800, H, 2 * H, 3 * H, 6 * H, 12 * H, D, 2 * D, 5 * D, 7 * D, 14 * D].find(s => width * s / span >= room) || 28 * D;
    const out = [];
    for (let s = Math.ceil(from / step) * step; s <= until; s += step) {
      if (s === until && span > 0 && step >= D) break;
      if (step >= D) out.push([s, `${mtric.utc(s).getUTCDate()} ${mtric.months[mtric.utc(s).getUTCMonth()].slice(0, 3)}`]);
      else out.push([s, s % D === 0 && span > D ? `${mtric.utc(s).getUTCDate()} ${mtric.months[mtric.utc(s).getUTCMonth()].slice(0, 3)}` : mtric.clock(s)]);
    }
    if (step >= D) { // days count from the beginning of the period, not of 1970
      out.length = 0;
      for (let s = Math.ceil(from / D) * D, i = 0; s < until; s += step, i++) out.push([s, `${mtric.utc(s).getUTCDate()} ${mtric.months[mtric.utc(s).getUTCMonth()].slice(0, 3)}`]);
    }
    return out;
  }

  // map makes a heat map of
  //   name           what it shows, for screen readers
  //   rows           [{id, text}]
  //   from, step, steps
  //   classes        [{text, letter, color, mark, rank}]; kind(row, step) is the number of one
  //   level(r, c)    0 … 1: how much of a cell is filled from below, for classes with `fill`
  //   tell(r, c)     what the cell says: lines of text
  //   when(c)        its time in words
  //   bad            numbers of the classes that the table lists with their times
  //   bare           whether how many cells a class has is not told
  //   marks          [{from, until, text}] drawn above
  //   chosen         [r, c] or null
  //   open(r, c)     Enter, click; range(c0, c1): a drag; nearer(r, c), back(): + and − or Escape
  function map(o) {
    const canvas = h("canvas", { class: "heat", tabindex: 0, role: "application", "aria-label": `${o.name}. Arrow keys move, Enter opens, plus and minus or Escape change the scale. A table follows.` });
    const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
    const live = h("div", { class: "unseen", role: "status" });
    const box = h("div", { class: "heatbox" }, canvas, tip, live);
    const kinds = new Uint8Array(o.rows.length * o.steps);
    for (let r = 0; r < o.rows.length; r++) for (let c = 0; c < o.steps; c++) kinds[r * o.steps + c] = o.kind(r, c);
    const counts = o.classes.map(() => 0);
    for (const k of kinds) counts[k]++;
    const s = { o, canvas, tip, live, box, kinds, left: 60, width: 0, row: 18, cursor: o.chosen ? [...o.chosen] : null, drag: null, keyboard: false };

    new ResizeObserver(() => draw(s)).observe(box);
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const again = () => {
      if (!box.isConnected) return dark.removeEventListener("change", again);
      patterns.clear();
      for (const c of element.querySelectorAll("canvas.swatch")) c.paint();
      draw(s);
    };
    dark.addEventListener("change", again);
    pointer(s);
    keys(s);
    const element = h("div", { class: "heatmap" }, box, legend(o, counts), asTable(s));
    return element;
  }

  function draw(s) {
    const { o, canvas } = s;
    const whole = s.box.clientWidth;
    if (!whole) return;
    s.row = o.rows.length > 60 ? 12 : o.rows.length > 15 ? 18 : 24;
    const size = s.row > 12 ? 13 : 10;
    const font = `${size}px system-ui, sans-serif`;
    const measure = canvas.getContext("2d");
    measure.font = font;
    const widest = Math.max(20, ...o.rows.map(r => measure.measureText(r.text).width));
    s.left = Math.max(44, Math.ceil(Math.min(widest, whole * 0.28)) + 8); // the axis says UTC there
    s.width = whole - s.left - 12;
    s.top = o.marks && o.marks.length ? MARKS : 0;
    const [ctx, ratio] = sharp(canvas, whole, s.top + o.rows.length * s.row + AXIS);
    s.ratio = ratio;
    canvas.dataset.cells = [s.left, s.top, s.width, s.row, o.steps].join(" "); // where the cells are, for who looks from outside
    ctx.font = font;
    ctx.textBaseline = "middle";
    ctx.fillStyle = color("--nothing");
    ctx.fillRect(s.left, s.top, s.width, o.rows.length * s.row);
    o.rows.forEach((row, r) => {
      ctx.fillStyle = color("--text");
      ctx.textAlign = "right";
      ctx.fillText(fit(ctx, row.text, s.left - 8), s.left - 6, s.top + r * s.row + s.row / 2);
      drawRow(s, ctx, r);
    });
    drawMarks(s, ctx);
    drawAxis(s, ctx);
    if (s.cursor) outline(s, ctx, s.cursor, 2);
    if (s.drag && s.drag.on) {
      ctx.fillStyle = color("--select");
      const [a, b] = [Math.min(s.drag.from, s.drag.to), Math.max(s.drag.from, s.drag.to) + 1];
      ctx.fillRect(x(s, a), s.top, x(s, b) - x(s, a), o.rows.length * s.row);
    }
  }

  const x = (s, c) => s.left + Math.round(c * s.width / s.o.steps * s.ratio) / s.ratio;

  function fit(ctx, text, room) {
    if (ctx.measureText(text).width <= room) return text;
    let t = text;
    while (t.length > 1 && ctx.measureText(`${t}…`).width > room) t = t.slice(0, -1);
    return `${t}…`;
  }

  function drawRow(s, ctx, r) {
    const { o } = s, y = s.top + r * s.row, gap = 1;
    const runs = [];
    for (let c = 0; c < o.steps;) {
      const k = s.kinds[r * o.steps + c];
      let end = c + 1;
      while (end < o.steps && s.kinds[r * o.steps + end] === k) end++;
      if (o.classes[k].rank >= 0) runs.push([k, c, end]);
      c = end;
    }
    runs.sort((a, b) => o.classes[a[0]].rank - o.classes[b[0]].rank);
    for (const [k, c, end] of runs) {
      const cl = o.classes[k], from = x(s, c), least = cl.rank > 3 ? 2 : 1 / s.ratio;
      const w = Math.max(x(s, end) - from, least);
      paint(ctx, cl, from, y, w, s.row - gap, s.ratio);
      if (!cl.fill) continue;
      ctx.fillStyle = color(cl.fill);
      for (let i = c; i < end; i++) {
        const part = o.level(r, i);
        if (!(part > 0)) continue;
        // By the root: a lost packet is a trace, an outage of an hour stands out in a day.
        const hgt = Math.max(part < 0.01 ? 1 : 2, Math.sqrt(Math.min(1, part)) * (s.row - gap));
        ctx.fillRect(x(s, i), y + s.row - gap - hgt, Math.max(x(s, i + 1) - x(s, i), least), hgt);
      }
    }
    // Cells that are wide enough are told from their neighbours.
    if (s.width / o.steps >= 7) {
      ctx.fillStyle = color("--page");
      for (let c = 1; c < o.steps; c++) ctx.fillRect(x(s, c) - 0.5, y, 0.5, s.row - gap);
    }
  }

  function drawMarks(s, ctx) {
    for (const m of s.o.marks || []) {
      const a = Math.max(0, (m.from - s.o.from) / s.o.step), b = Math.min(s.o.steps, (m.until - s.o.from) / s.o.step);
      if (b <= a) continue;
      ctx.fillStyle = color("--event");
      ctx.fillRect(x(s, a), 1, Math.max(3, x(s, b) - x(s, a)), 4);
    }
  }

  function drawAxis(s, ctx) {
    const { o } = s, bottom = s.top + o.rows.length * s.row, until = o.from + o.steps * o.step;
    ctx.strokeStyle = ctx.fillStyle = color("--soft");
    ctx.lineWidth = 1;
    ctx.textBaseline = "top";
    ctx.font = "11px system-ui, sans-serif";
    for (const [at, text] of ticks(o.from, until, s.width, 62)) {
      const px = x(s, (at - o.from) / o.step), half = ctx.measureText(text).width / 2;
      ctx.beginPath();
      ctx.moveTo(px + 0.5, bottom);
      ctx.lineTo(px + 0.5, bottom + 4);
      ctx.stroke();
      ctx.textAlign = "center";
      ctx.fillText(text, Math.min(px, s.left + s.width + 12 - half), bottom + 6);
    }
    ctx.textAlign = "left";
    ctx.fillText("UTC", 0, bottom + 6);
  }

  function outline(s, ctx, [r, c], w) {
    const from = x(s, c), to = Math.max(x(s, c + 1), from + 4);
    ctx.strokeStyle = color("--page");
    ctx.lineWidth = w + 2;
    ctx.strokeRect(from - 1, s.top + r * s.row - 1, to - from + 2, s.row + 1);
    ctx.strokeStyle = color("--text");
    ctx.lineWidth = w;
    ctx.strokeRect(from - 1, s.top + r * s.row - 1, to - from + 2, s.row + 1);
  }

  // at is the cell below a point; null beside the cells. Where cells are smaller than two
  // pixels the worst within a pixel is meant: it is the one that is seen.
  function at(s, e) {
    const b = s.canvas.getBoundingClientRect();
    const px = e.clientX - b.left - s.left, py = e.clientY - b.top - s.top;
    const r = Math.floor(py / s.row), { steps } = s.o;
    if (px < -2 || px > s.width + 2 || r < 0 || r >= s.o.rows.length) return null;
    const cell = v => Math.min(steps - 1, Math.max(0, Math.floor(v * steps / s.width)));
    let best = cell(px);
    const rank = c => s.o.classes[s.kinds[r * steps + c]].rank;
    for (let c = cell(px - 1); c <= cell(px + 1) && s.width / steps < 2; c++) if (rank(c) > rank(best)) best = c;
    return [r, best];
  }

  function lines(s, [r, c]) {
    const cl = s.o.classes[s.kinds[r * s.o.steps + c]];
    return [`${s.o.rows[r].text}, ${s.o.when(c)}`, cl.text, ...s.o.tell(r, c)];
  }

  function show(s, cell) {
    s.tip.hidden = !cell;
    if (!cell) return;
    s.tip.replaceChildren(...lines(s, cell).map((t, i) => h(i ? "div" : "strong", {}, t)));
    const px = x(s, cell[1]), w = s.box.clientWidth, tw = Math.min(s.tip.offsetWidth, w);
    s.tip.style.left = `${Math.max(0, Math.min(px + 12, w - tw))}px`;
    // Below the row, so that the tip never hides the cell it is about.
    s.tip.style.top = `${s.top + (cell[0] + 1) * s.row + 6}px`;
  }

  function pointer(s) {
    const { canvas, o } = s;
    let kind = "mouse";
    canvas.addEventListener("pointerdown", e => {
      if (e.button) return;
      kind = e.pointerType;
      const cell = at(s, e);
      if (!cell) return;
      s.drag = { x: e.clientX, cell, from: cell[1], to: cell[1], on: false };
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", e => {
      const cell = at(s, e);
      if (!s.drag) return show(s, cell);
      if (Math.abs(e.clientX - s.drag.x) > 6) s.drag.on = true;
      if (cell) s.drag.to = cell[1];
      if (s.drag.on) { show(s, null); draw(s); }
    });
    canvas.addEventListener("pointerup", () => {
      const d = s.drag;
      s.drag = null;
      if (!d) return;
      if (d.on) {
        draw(s);
        if (d.from !== d.to) o.range(Math.min(d.from, d.to), Math.max(d.from, d.to) + 1);
        return;
      }
      // A finger covers what it points at: the first touch tells, the second opens.
      const twice = s.cursor && s.cursor[0] === d.cell[0] && Math.abs(s.cursor[1] - d.cell[1]) * s.width / o.steps < 12;
      s.cursor = kind === "touch" && twice ? s.cursor : d.cell;
      draw(s);
      show(s, s.cursor);
      if (kind !== "touch" || twice) o.open(...s.cursor);
    });
    canvas.addEventListener("pointercancel", () => { s.drag = null; draw(s); });
    canvas.addEventListener("pointerleave", e => { if (!s.drag && e.pointerType !== "touch") show(s, null); });
  }

  function keys(s) {
    const { o, canvas } = s;
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], PageUp: [-10, 0], PageDown: [10, 0] };
    canvas.addEventListener("keydown", e => {
      if (e.ctrlKey || e.metaKey || e.altKey || !o.rows.length) return;
      const cursor = s.cursor || [0, 0];
      if (e.key in moves || e.key === "Home" || e.key === "End") {
        const [dr, dc] = moves[e.key] || [0, e.key === "Home" ? -o.steps : o.steps];
        const clamp = (v, n) => Math.min(n - 1, Math.max(0, v));
        s.cursor = s.cursor ? [clamp(cursor[0] + dr, o.rows.length), clamp(cursor[1] + dc * (e.shiftKey ? 12 : 1), o.steps)] : cursor;
        draw(s);
        show(s, s.cursor);
        s.live.textContent = lines(s, s.cursor).join(", ");
      } else if (e.key === "Enter" || e.key === " ") {
        if (s.cursor) o.open(...s.cursor);
      } else if (e.key === "+" || e.key === "=") {
        o.nearer(...cursor);
      } else if (e.key === "-" || e.key === "Escape") {
        o.back();
      } else {
        return;
      }
      e.preventDefault();
    });
    canvas.addEventListener("blur", () => show(s, null));
  }

  function legend(o, counts) {
    const total = counts.reduce((a, b) => a + b, 0);
    return h("ul", { class: "legend", "aria-label": "Legend" }, o.classes.map((c, k) => counts[k] > 0 || c.always
      ? h("li", { "data-class": c.id || k }, swatch(c), h("span", {}, c.letter.trim() ? `${c.letter} ` : "", c.text, " "),
        !o.bare && h("b", {}, mtric.number(counts[k])), !o.bare && counts[k] > 0 && h("small", {}, ` (${counts[k] * 1000 < total ? "< 0.1 %" : `${(100 * counts[k] / total).toFixed(1)} %`})`))
      : null),
    (o.marks || []).length > 0 && h("li", {}, h("span", { class: "eventmark", "aria-hidden": "true" }), `event, listed below `, h("b", {}, mtric.number(o.marks.length))));
  }

  // asTable says the same in words: of each row the counts, and when it was not good.
  function asTable(s) {
    const { o } = s;
    const body = h("div", {});
    const details = h("details", { class: "astable" }, h("summary", {}, "The same as a table"), body);
    let made = false;
    details.addEventListener("toggle", () => {
      if (made) return;
      made = true;
      const present = o.bare ? [] : o.classes.map((c, k) => k).filter(k => s.kinds.includes(k));
      body.replaceChildren(mtric.table(["", ...present.map(k => o.classes[k].text), "When it was not as it should be"],
        o.rows.map((row, r) => [row.text, ...present.map(k => mtric.number(countRow(s, r, k))), spans(s, r)]),
        `${o.name}: ${o.bare ? "" : "cells of each kind, "}a row for each row of the picture`));
    });
    return details;
  }

  function countRow(s, r, k) {
    let n = 0;
    for (let c = 0; c < s.o.steps; c++) if (s.kinds[r * s.o.steps + c] === k) n++;
    return n;
  }

  function spans(s, r) {
    const { o } = s, found = [];
    for (let c = 0; c < o.steps;) {
      const k = s.kinds[r * o.steps + c];
      let end = c + 1;
      while (end < o.steps && s.kinds[r * o.steps + end] === k) end++;
      if (o.bad.includes(k)) found.push(`${o.classes[k].text} ${mtric.stamp(o.from + c * o.step)} to ${mtric.stamp(o.from + end * o.step)}`);
      c = end;
    }
    return found.length > 12 ? `${found.slice(0, 12).join("; ")}; and ${o.bare ? "more" : mtric.plural(found.length - 12, "more time")}` : found.join("; ") || "never";
  }

  return { map, swatch, ticks, color };
})();
