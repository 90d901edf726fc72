// Cells: what the columns of tiles say, laid out as rows by time.
"use strict";

mtric.cells = (() => {
  const PART = 32; // vantage points of a tile, as in the files

  // The states, by their number in the files; the last stands for what no file says.
  // Each is told apart by colour, pattern and letter. Rank says what is drawn over what
  // where a pixel has more than one cell.
  const states = [
    { id: "unplanned", text: "not planned", letter: "–", color: "--unplanned", mark: "", rank: 0 },
    { id: "missing", text: "no data", letter: "?", color: "--missing", mark: "hatch", rank: 2 },
    { id: "good", text: "good", letter: "✓", color: "--good", mark: "", rank: 1 },
    { id: "own", text: "vantage point’s own trouble", letter: "O", color: "--own", mark: "dots", rank: 3 },
    { id: "part", text: "some failed", letter: "P", color: "--part", mark: "slash", rank: 4 },
    { id: "failed", text: "all failed", letter: "F", color: "--failed", mark: "cross", rank: 5 },
    { id: "incorrect", text: "incorrect answer", letter: "!", color: "--incorrect", mark: "bars", rank: 6 },
    { id: "nothing", text: "not in the data", letter: " ", color: "--nothing", mark: "", rank: -1 },
    // Not of the files: what failed and is part of no event. One lost packet is no outage.
    { id: "quiet", text: "all failed, in no event", letter: "f", color: "--part", mark: "slash", rank: 3 },
  ];
  const NOTHING = 7, QUIET = 8, UNPLANNED = 0, MISSING = 1, GOOD = 2, OWN = 3, PART_FAILED = 4, INCORRECT = 6;
  // An edition that withholds values says of cells whether the plan's share of answers was
  // good, and none incorrect, and no more: then the states mean less. It is no verdict.
  const bare = { good: "good", failed: "not good", part: "not good", quiet: "not good, in no event" };
  const text = (state, values) => !values && bare[state.id] || state.text;
  const known = n => Number.isInteger(n) && n >= 0 && n < NOTHING;

  // expand undoes runs. Runs that do not fill the block exactly are damage: what is shifted
  // by a cell would accuse the wrong one.
  function expand(runs, n, what) {
    const out = new Float64Array(n);
    let at = 0;
    if (!Array.isArray(runs) || runs.length % 2) throw new Error(`${what} has no whole runs`);
    for (let i = 0; i < runs.length; i += 2) {
      const many = runs[i + 1];
      if (!Number.isInteger(many) || many < 0 || at + many > n) throw new Error(`${what} has more cells than the block`);
      out.fill(runs[i], at, at += many);
    }
    if (at !== n) throw new Error(`${what} has fewer cells than the block`);
    return out;
  }

  function bytes(text, n, what) {
    const s = atob(text);
    if (s.length !== n) throw new Error(`${what} has another number of values than the block`);
    return Uint8Array.from(s, c => c.charCodeAt(0));
  }

  // us is the latency that a byte means; null for none.
  const us = b => b ? 100 * 2 ** ((b - 1) / 16) : null;

  // read is a tile's blocks with their columns written out. Columns that an edition or a full
  // file lacks are null: unknown, not zero.
  function read(key, tile) {
    try {
      return tile.blocks.map(b => {
        const n = b.vps.length * b.steps;
        if (!(n >= 0 && n <= 1e6 && b.step > 0 && Number.isFinite(b.from))) throw new Error("a block has no size");
        const column = name => b[name] ? expand(b[name], n, name) : null;
        const state = expand(b.state, n, "state");
        if (!state.every(known)) throw new Error("a state is not known to this page");
        return { from: b.from, step: b.step, steps: b.steps, vps: b.vps, state, sent: column("sent"),
          failed: b.failed ? column("failed") : b.sent ? new Float64Array(n) : null, // absent where none failed
          latency: b.latency ? bytes(b.latency, n, "latency") : null,
          usual: b.usual ? bytes(b.usual, b.vps.length, "usual") : null, // of each vantage point
          serial: column("serial"), nsid: column("nsid") };
      });
    } catch (e) {
      throw new Error(`The file data/${mtric.visible(key)}.js is damaged: ${e.message}.`);
    }
  }

  // grid is an empty field of rows by time.
  function grid(ids, from, until, step) {
    const steps = Math.round((until - from) / step), n = ids.length * steps;
    return { ids, rows: new Map(ids.map((id, i) => [id, i])), from, step, steps, state: new Uint8Array(n).fill(NOTHING),
      failed: new Int32Array(n).fill(-1), sent: new Int32Array(n).fill(-1), latency: new Uint8Array(n), usual: new Uint8Array(n),
      serial: new Float64Array(n), nsid: new Uint16Array(n), nsids: [null], leftOff: new Set(), leftOffNow: new Set(), columns: new Set(), values: false };
  }

  // put lays a tile into a grid. Row says in which row a vantage point stands; undefined: in none.
  function put(g, key, tile, row) {
    const serials = tile.serials || [], nsids = (tile.nsids || []).map(n => nsidOf(g, n));
    for (const name of tile.left_off || []) (key === "now" ? g.leftOffNow : g.leftOff).add(name);
    for (const b of read(key, tile)) {
      if (b.sent) g.values = true;
      for (const name of ["latency", "serial", "nsid"]) if (b[name]) g.columns.add(name); // an edition may lack some
      if (b.step !== g.step) continue;
      const shift = Math.round((b.from - g.from) / g.step);
      b.vps.forEach((vp, v) => {
        const r = row(vp);
        if (r === undefined) return;
        for (let c = Math.max(0, -shift); c < b.steps && c + shift < g.steps; c++) {
          const i = v * b.steps + c, o = r * g.steps + c + shift;
          g.state[o] = b.state[i];
          if (b.failed) g.failed[o] = b.failed[i];
          if (b.sent) g.sent[o] = b.sent[i];
          if (b.latency) g.latency[o] = b.latency[i];
          if (b.usual) g.usual[o] = b.usual[v];
          if (b.serial) g.serial[o] = b.serial[i] ? serials[b.serial[i] - 1] ?? 0 : 0;
          if (b.nsid) g.nsid[o] = b.nsid[i] ? nsids[b.nsid[i] - 1] ?? 0 : 0;
        }
      });
    }
  }

  function nsidOf(g, name) {
    let i = g.nsids.indexOf(name, 1);
    if (i < 0 && g.nsids.length < 65535) i = g.nsids.push(name) - 1;
    return i;
  }

  // Of several paths a cell is: incorrect if any is; the vantage point's own trouble if none
  // knows better; failed if all that were asked failed; else some failed; good if all known are.
  function together(a, b) {
    if (a === b || b === NOTHING) return a;
    if (a === NOTHING) return b;
    const [low, high] = a < b ? [a, b] : [b, a];
    if (high === INCORRECT) return high;
    if (low === UNPLANNED || low === MISSING) return high;
    if (high > OWN) return low === OWN ? high : PART_FAILED;
    return high;
  }

  // merge lays the grid of another path over one. Latencies and servers of different paths are
  // different things: they are left out.
  function merge(g, other) {
    g.values = g.values || other.values;
    for (const name of ["leftOff", "leftOffNow"]) for (const column of other[name]) g[name].add(column);
    for (const name of other.columns) g.columns.add(name);
    for (let i = 0; i < g.state.length; i++) {
      g.state[i] = together(g.state[i], other.state[i]);
      for (const name of ["failed", "sent"]) if (other[name][i] >= 0) g[name][i] = Math.max(0, g[name][i]) + other[name][i];
      if (other.serial[i] && (!g.serial[i] || older(other.serial[i], g.serial[i]))) g.serial[i] = other.serial[i];
      g.latency[i] = g.usual[i] = g.nsid[i] = 0;
    }
  }

  // older is RFC 1982.
  const older = (a, b) => a !== b && ((b - a) >>> 0) < 2 ** 31;

  // fill loads tiles into a grid. What cannot be loaded is told, and stays unknown.
  async function fill(g, wanted) {
    const missed = [];
    await Promise.all(wanted.map(async w => {
      try {
        put(g, w.key, await mtric.load(w.key), w.row);
      } catch (e) {
        missed.push(e.message);
      }
    }));
    return missed;
  }

  return { PART, states, text, NOTHING, QUIET, UNPLANNED, MISSING, GOOD, OWN, PART_FAILED, FAILED: 5, INCORRECT, us, read, grid, put, merge, together, older, fill };
})();
