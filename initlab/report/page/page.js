"use strict";
// The tables of the page, whose rows the charts follow. It loads nothing: all is in the page.

const PAGE_ROWS = 50; // of a table; more are on further pages
const MOST_PRINTED = 500; // rows

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
    this.table.on("draw", () => {
      this.explain();
      this.filtered();
    });
    this.table.column(".why").visible(false); // it has the whole width, below the numbers
    this.explain();
    table.addEventListener("change", (event) => this.choose(event.target.closest("tr")));
    table.tBodies[0].addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      const { point } = (row.dataset.point ? row : row.previousElementSibling).dataset;
      if (!event.target.closest("label") && !String(getSelection())) this.toggle(point);
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

  // Show why below each row of this page.
  explain() {
    const { table } = this;
    table.rows({ page: "current" }).every(function () {
      if (this.child.isShown()) return;
      this.child(table.cell(this.index(), ".why").node().innerHTML, "why").show();
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
