"use strict";
// The table of visible products, by pages.

const PAGE_SIZE = 25;

const table = { order: [], page: 0, by: null, down: false };

const collator = new Intl.Collator(undefined, { numeric: true });

function columnsOf() {
  const columns = [];
  const scores = state.found?.scores;
  if (scores) {
    const of = new Map(state.found.rows.map((row, at) => [row, scores[at]]));
    columns.push({ name: "Similarity", key: "score", number: true, text: (row) => of.get(row).toFixed(2), value: (row) => -of.get(row) });
  }
  columns.push({ name: data.columns.title ?? data.columns.text ?? "title", key: "title", title: true, text: titleOf });
  for (const at of shownGroups()) {
    const group = data.groups[at];
    columns.push({ name: group.one, key: "group" + at, text: (row) => nameOf(group, group.codes[row]), group });
  }
  if (data.columns.text && data.columns.title) columns.push({ name: data.columns.text, key: "text", text: (row) => truncate(data.texts[row], 140), soft: true });
  if (data.columns.id) columns.push({ name: data.columns.id, key: "id", text: (row) => data.ids[row] ?? "", soft: true });
  return columns;
}

// Sorts the rows by the selected header, by similarity after a search, or by row.
function orderRows() {
  const rows = state.found ? state.found.rows.filter((row) => state.visible[row]) : [];
  if (!state.found) {
    for (let row = 0; row < data.rows; row++) if (state.visible[row]) rows.push(row);
  }
  const column = columnsOf().find((it) => it.key === table.by);
  if (column) {
    const keyed = rows.map((row) => [column.value ? column.value(row) : column.text(row), row]);
    const compare = column.value ? (a, b) => a[0] - b[0] : (a, b) => collator.compare(a[0], b[0]);
    keyed.sort((a, b) => (table.down ? -1 : 1) * compare(a, b) || a[1] - b[1]);
    table.order = keyed.map(([, row]) => row);
  } else {
    table.order = rows;
  }
}

function showTable() {
  const columns = columnsOf();
  const head = createNode("tr");
  for (const column of columns) {
    const width = column.title || column.key === "text" ? "wide" : column.number ? "narrow" : column.key === "id" ? "middle" : "";
    const cell = createNode("th", (column.number ? "number " : "") + width);
    cell.scope = "col";
    const sorted = table.by === column.key;
    cell.setAttribute("aria-sort", sorted ? (table.down ? "descending" : "ascending") : "none");
    const button = createNode("button", "", column.name + (sorted ? (table.down ? " ↓" : " ↑") : ""));
    button.type = "button";
    button.addEventListener("click", () => {
      if (table.by !== column.key) [table.by, table.down] = [column.key, false];
      else if (!table.down) table.down = true;
      else [table.by, table.down] = [null, false];
      table.page = 0;
      orderRows();
      showTable();
      element("table").querySelectorAll("th button")[columns.indexOf(column)].focus();
    });
    cell.append(button);
    head.append(cell);
  }
  element("table").tHead.replaceChildren(head);
  const first = table.page * PAGE_SIZE;
  const rows = table.order.slice(first, first + PAGE_SIZE).map((row) => tableRow(row, columns));
  element("table").tBodies[0].replaceChildren(...rows);
  const last = Math.min(table.order.length, first + PAGE_SIZE);
  element("rows-count").textContent = table.order.length
    ? number(first + 1) + "–" + number(last) + " of " + countLabel(table.order.length)
    : "No matching products";
  element("page-back").disabled = first === 0;
  element("page-on").disabled = last >= table.order.length;
}

function tableRow(row, columns) {
  const line = createNode("tr", row === state.selected ? "selected" : "");
  line.dataset.row = row;
  for (const column of columns) {
    const cell = createDataNode("td", column.number ? "number" : column.soft ? "fact" : "");
    if (column.title) {
      const button = createDataNode("button", "", column.text(row));
      button.type = "button";
      button.title = titleOf(row);
      button.addEventListener("click", () => selectRow(row));
      cell.append(button);
    } else {
      if (column.group) cell.append(swatch(column.group.codes[row], column.group));
      cell.append(column.text(row));
    }
    line.append(cell);
  }
  return line;
}

function showChips() {
  const chips = [];
  const chip = (text, remove) => {
    const button = createDataNode("button", "", text + " ×");
    button.type = "button";
    button.setAttribute("aria-label", "Remove the filter " + text);
    button.addEventListener("click", () => {
      remove();
      changed("filter");
      announce(countLabel(state.count) + " shown");
      (element("filters").querySelector("button") ?? element("rows")).focus();
    });
    const item = createNode("li");
    item.append(button);
    chips.push(item);
  };
  if (state.found) {
    const kinds = { meaning: "near “", words: "with “", word: "with the word “" };
    chip(kinds[state.found.kind] + truncate(state.found.text, 40) + "”", () => {
      state.found = null;
      words.selected = -1;
      element("query").value = "";
    });
  }
  data.groups.forEach((group, at) => {
    for (const code of state.selectedCodes[at]) chip(nameOf(group, code), () => state.selectedCodes[at].delete(code));
  });
  if (state.area) chip("selected area", () => (state.area = null));
  element("filters").replaceChildren(...chips);
}

function startTable() {
  const turn = (by) => {
    table.page += by;
    showTable();
    // A disabled button loses the focus.
    const [pressed, other] = by < 0 ? ["page-back", "page-on"] : ["page-on", "page-back"];
    if (element(pressed).disabled) element(other).focus();
    announce(element("rows-count").textContent);
  };
  element("page-back").addEventListener("click", () => turn(-1));
  element("page-on").addEventListener("click", () => turn(1));
  orderRows();
  showTable();
}

onChange((what) => {
  if (!data.rows) return;
  if (what === "filter") {
    table.page = 0;
    showChips();
  }
  if (what !== "selected") {
    if (!columnsOf().some((column) => column.key === table.by)) table.by = null;
    orderRows();
  }
  if (what === "selected") {
    for (const line of element("table").tBodies[0].rows) line.classList.toggle("selected", Number(line.dataset.row) === state.selected);
  } else {
    showTable();
  }
});
