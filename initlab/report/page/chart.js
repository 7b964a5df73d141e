"use strict";
// A chart of the page: its data as rows, the ends of its axes, and what lies under the pointer.

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

// A curve's columns as rows; `stops` is the place of the cross, `turned` how many seeds turn nan.
function rowsOfCurve(curve, color) {
  const { point, layer, stops, turned, ...columns } = curve;
  const names = Object.keys(columns);
  const values = columns.value ?? [];
  const length = Math.max(0, ...names.map((name) => columns[name].length));
  return Array.from({ length }, (_, i) => {
    const row = { point, color, layer: layer ? layer[i] : i };
    for (const name of names) row[name] = columns[name][i];
    row.stops = i === stops;
    row.turned = turned;
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
        : `${name}, layer ${datum.layer}: ${datum.value}${datum.turned ? `; ${datum.turned}` : ""}`;
    tip.style.left = `${Math.min(event.pageX + 14, scrollX + innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.pageY + 14}px`;
  }
}
