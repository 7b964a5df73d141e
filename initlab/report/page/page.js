"use strict";
// The tables and charts of the page. Everything it reads is in the page; it loads nothing.

const PAGE_ROWS = 50; // of a table; more are on further pages
const MOST_PRINTED = 500; // rows
const LEAST_DECADES = 2; // of a log axis: a steady signal looks flat
const content = JSON.parse(document.getElementById("data").textContent);
const tip = document.getElementById("tip");
const compiled = new Map(); // Vega of Vega-Lite: the charts of a kind differ in their data alone

async function embed(element, kind) {
  const known = compiled.get(kind);
  const options = { mode: known ? "vega" : "vega-lite", renderer: "svg", actions: false };
  const { view, vgSpec } = await vegaEmbed(element, known ?? content.charts[kind], {
    ...options, tooltip: false, defaultStyle: false,
  });
  compiled.set(kind, vgSpec);
  return view;
}

// DataTables comes as a module, which only an address can load: here that of the text itself.
async function loadDataTables() {
  const text = JSON.parse(document.getElementById("datatables").textContent);
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return (await import(address)).default;
  } finally {
    URL.revokeObjectURL(address);
  }
}

// A curve's columns as rows; `stops` marks the last value of one that turns nan.
function rowsOfCurve(curve, color) {
  const { point, layer, stops = false, ...columns } = curve;
  const names = Object.keys(columns);
  const values = columns.value ?? [];
  const last = values.findLastIndex((value) => value !== null);
  const length = Math.max(0, ...names.map((name) => columns[name].length));
  return Array.from({ length }, (_, i) => {
    const row = { point, color, layer: layer ? layer[i] : i };
    for (const name of names) row[name] = columns[name][i];
    row.stops = stops && i === last;
    return row;
  });
}

function rowsOfDots(dots, colors) {
  const names = Object.keys(dots);
  return dots.point.map((point, i) => {
    const row = { color: colors[point] };
    for (const name of names) row[name] = dots[name][i];
    return row;
  });
}

// The ends of an axis that shows all of these values.
function ends(rows, names, kind) {
  let low = Infinity, high = -Infinity;
  for (const row of rows) {
    for (const name of names) {
      const value = row[name];
      if (value === null || value === undefined) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return kind === "linear" ? [0, 1] : [0.1, 10];
  if (kind === "linear") {
    const margin = 0.04 * Math.max(high - low, 0.1);
    return [low - margin, high + margin];
  }
  const decades = Math.log10(high) - Math.log10(low);
  const margin = Math.max(LEAST_DECADES - decades, 0) / 2 + 0.05 * Math.max(decades, LEAST_DECADES);
  return [
    10 ** Math.max(Math.log10(low) - margin, -307),
    10 ** Math.min(Math.log10(high) + margin, 308),
  ];
}

// Powers of ten for a log axis, six or so.
function powers(low, high) {
  const [a, b] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const step = [1, 2, 5, 10, 20, 50, 100].find((size) => (b - a) / size < 7);
  const first = Math.ceil(a / step) * step;
  return Array.from({ length: Math.floor((b - first) / step) + 1 }, (_, i) =>
    Number(`1e${first + i * step}`),
  );
}

class Chart {
  constructor(sweep, element, drawing) {
    this.sweep = sweep;
    this.kind = drawing.kind;
    const { colors } = sweep.content;
    this.rows =
      this.kind === "dots"
        ? rowsOfDots(drawing.dots, colors)
        : drawing.curves.flatMap((curve) => rowsOfCurve(curve, colors[curve.point]));
    this.spread = drawing.spread ? rowsOfCurve(drawing.spread, null) : [];
    this.element = element;
  }

  async embed() {
    const { sweep } = this;
    this.view = await embed(this.element, this.kind);
    const last = this.rows.reduce((most, row) => Math.max(most, row.layer ?? 0), 1);
    this.view.signal("few", sweep.few).signal("last", last);
    this.view.addEventListener("click", (_, item) => {
      const point = item?.datum?.point;
      if (point >= 0) sweep.toggle(point);
    });
    this.view.addEventListener("mousemove", (event, item) => this.tell(event, item));
    this.view.addEventListener("mouseout", () => (tip.hidden = true));
  }

  // Draw the points that the table shows, and light up those that are chosen in it.
  update(shown, chosen) {
    const rows = shown ? this.rows.filter((row) => shown.has(row.point)) : this.rows;
    const told = this.kind === "dots" ? ["predicted", "measured"] : ["value", "low", "high"];
    const active = rows.filter((row) => (chosen.size ? chosen.has(row.point) : this.sweep.few));
    const [a, b] = ends([...rows, ...this.spread], told, this.kind);
    const [c, d] = ends(active, this.kind === "dots" ? told : [...told, "expected", "from", "to"], this.kind);
    const [low, high] = active.length ? [Math.min(a, c), Math.max(b, d)] : [a, b];
    this.view.data("rows", [...this.spread, ...rows]);
    if (this.kind === "dots") this.view.data("diagonal", [{ end: low }, { end: high }]);
    this.view.signal("chosen", [...chosen]).signal("low", low).signal("high", high);
    if (this.kind !== "linear") this.view.signal("ticks", powers(low, high));
    return this.view.runAsync();
  }

  // What lies under the pointer: a point, and its value at the nearest layer.
  tell(event, item) {
    const point = item?.datum?.point;
    tip.hidden = !(point >= 0);
    if (tip.hidden) return;
    let { datum } = item;
    if (this.kind !== "dots") {
      const layer = this.view.scale("x").invert(event.offsetX - this.view.origin()[0]);
      const own = this.rows.filter((row) => row.point === point && row.value !== null);
      datum = own.reduce((a, b) => (Math.abs(a.layer - layer) <= Math.abs(b.layer - layer) ? a : b));
    }
    const name = this.sweep.content.points[point];
    tip.textContent =
      this.kind === "dots"
        ? `${name}, run ${datum.run}: predicted ${datum.predicted}, measured ${datum.measured}`
        : `${name}, layer ${datum.layer}: ${datum.value}`;
    tip.style.left = `${Math.min(event.pageX + 14, scrollX + innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.pageY + 14}px`;
  }
}

class Sweep {
  constructor(element, DataTable) {
    this.element = element;
    this.content = content.sweeps[element.dataset.sweep];
    this.few = this.content.points.length <= 4;
    this.chosen = new Set();
    this.shown = null; // all
    this.charts = [...element.querySelectorAll("[data-chart]")].map(
      (place) => new Chart(this, place, this.content.charts[place.dataset.chart]),
    );
    if (this.content.points.length > 1) this.makeTable(DataTable);
  }

  makeTable(DataTable) {
    const { length } = this.content.points;
    const table = this.element.querySelector("table.points");
    this.rows = [...table.tBodies[0].rows]; // of every point, on whatever page
    this.table = new DataTable(table, {
      autoWidth: false,
      order: [],
      paging: length > PAGE_ROWS,
      pageLength: PAGE_ROWS,
      layout: { topStart: null, topEnd: null, bottomStart: "info", bottomEnd: "paging" },
      language: { info: "_START_ to _END_ of _TOTAL_ points" },
    });
    const box = table.closest(".points-box");
    box.after(box.querySelector(".dt-layout-row:last-child")); // it must not scroll with the rows
    const search = this.element.querySelector("[data-search]");
    search.addEventListener("input", () => this.table.search(search.value).draw());
    this.table.on("draw", () => this.filtered());
    table.addEventListener("change", (event) => this.choose(event.target.closest("tr")));
    table.tBodies[0].addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (!event.target.closest("label") && !String(getSelection())) this.toggle(row.dataset.point);
    });
    table.addEventListener("pointerover", ({ target }) => {
      const cell = target.closest("td[data-order]");
      if (cell && !cell.title) cell.title = cell.dataset.order;
    });
    for (const select of this.element.querySelectorAll("[data-filter]")) {
      const heads = this.table.columns().titles().toArray();
      const column = this.table.column(heads.indexOf(select.dataset.filter));
      select.addEventListener("change", () => {
        const { value } = select;
        column.search.fixed("verdict", value ? (text) => text.includes(value) : null).draw();
      });
    }
    const clear = this.element.querySelector("[data-clear]");
    clear.addEventListener("click", () => {
      for (const point of [...this.chosen]) this.toggle(point, false);
      this.update();
    });
  }

  toggle(point, update = true) {
    const row = this.rows?.[point];
    const box = row?.querySelector("input");
    if (!box || box.disabled) return;
    box.checked = !box.checked;
    this.choose(row, update);
  }

  choose(row, update = true) {
    const point = Number(row.dataset.point);
    const { checked } = row.querySelector("input");
    row.classList.toggle("chosen", checked);
    if (checked) this.chosen.add(point);
    else this.chosen.delete(point);
    if (update) this.update();
  }

  filtered() {
    const nodes = this.table.rows({ search: "applied" }).nodes().toArray();
    const all = nodes.length === this.content.points.length;
    const shown = all ? null : new Set(nodes.map((node) => Number(node.dataset.point)));
    const same = (shown === null) === (this.shown === null) && [...(shown ?? [])].every((p) => this.shown.has(p));
    if (same && shown?.size === this.shown?.size) return; // sorted, or another page
    this.shown = shown;
    this.update();
  }

  update() {
    const { size } = this.chosen;
    const { length } = this.content.points;
    const status = this.element.querySelector("[role=status]");
    if (status) {
      status.textContent = size ? `${size} of ${length} points chosen` : "Choose rows, and their curves light up.";
      this.element.querySelector("[data-clear]").disabled = !size;
    }
    this.drawn = Promise.all(this.charts.map((chart) => chart.update(this.shown, this.chosen)));
    return this.drawn;
  }
}

async function start() {
  const DataTable = await loadDataTables();
  const sweeps = [];
  for (const element of document.querySelectorAll("section.sweep")) {
    const sweep = new Sweep(element, DataTable);
    for (const chart of sweep.charts) await chart.embed();
    await sweep.update();
    sweeps.push(sweep);
  }
  addEventListener("beforeprint", () => resize(sweeps, MOST_PRINTED));
  addEventListener("afterprint", () => resize(sweeps, PAGE_ROWS));
  document.documentElement.dataset.ready = "";
  return sweeps;
}

function resize(sweeps, rows) {
  for (const { table } of sweeps) table?.page.len(rows).draw(false);
}

window.initlab = start();
