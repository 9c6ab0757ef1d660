"use strict";
// The state of the page: its rows and the filters. Listeners are called when it
// changes.

const data = { rows: 0 };

const state = {
  group: 0,            // the group that colours the map
  selectedCodes: [],   // for each group the codes of its filter; empty: all
  found: null,         // {kind, text, rows, scores}: result of the search, best first
  area: null,          // {x0, y0, x1, y1} in map units
  selected: -1,        // the row whose details are shown
  near: null,          // its neighbours: {rows, scores}
  visible: null,       // 1 for each row that passes the filters
  count: 0,            // number of visible rows
  version: 0,          // grows when the points look different
};

const listeners = [];

function onChange(listener) {
  listeners.push(listener);
}

// `what`: "filter", "colour" or "selected".
function changed(what) {
  if (what === "filter") applyFilters();
  if (what !== "selected") state.version += 1;
  for (const listener of listeners) listener(what);
}

function element(id) {
  return document.getElementById(id);
}

// Creates an element with a class and a text. All data is inserted as text, never
// as HTML.
function createNode(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Creates an element for data, with a separate text direction.
function createDataNode(tag, className, text) {
  const node = createNode(tag, className, text);
  node.dir = "auto";
  return node;
}

function announce(text) {
  element("live").textContent = text;
}

const grouped = new Intl.NumberFormat("en-GB");

function number(value) {
  return grouped.format(value);
}

function countLabel(count) {
  return number(count) + (count === 1 ? " product" : " products");
}

function setData(given) {
  Object.assign(data, given);
  data.rows = data.titles.length;
  for (const group of data.groups) {
    group.codes = Uint16Array.from(group.codes);
    group.counts = new Uint32Array(group.names.length);
    for (const code of group.codes) group.counts[code] += 1;
    state.selectedCodes.push(new Set());
  }
  data.x = Float32Array.from(data.x);
  data.y = Float32Array.from(data.y);
  state.visible = new Uint8Array(data.rows).fill(1);
  state.count = data.rows;
}

function titleOf(row) {
  return data.titles[row] || data.texts[row].slice(0, 120) || "(no title)";
}

// Indexes of the groups that a row of the page has room for. Of the attributes, those
// in use.
function shownGroups() {
  const inUse = (at) => at === state.group || state.selectedCodes[at].size > 0;
  return [...data.groups.keys()].filter((at) => data.groups[at].attribute === null || inUse(at));
}

// Whether the details of a row mention the group: not for an attribute without a value.
function hasPart(group, row) {
  return group.attribute === null || group.names[group.codes[row]] !== null;
}

function nameOf(group, code) {
  return group.names[code] ?? "(none)";
}

function applyFilters() {
  const { visible, selectedCodes, area, found } = state;
  visible.fill(1);
  if (found) {
    visible.fill(0);
    for (const row of found.rows) visible[row] = 1;
  }
  data.groups.forEach((group, at) => {
    if (selectedCodes[at].size === 0) return;
    for (let row = 0; row < data.rows; row++) {
      if (!selectedCodes[at].has(group.codes[row])) visible[row] = 0;
    }
  });
  if (area) {
    for (let row = 0; row < data.rows; row++) {
      const x = data.x[row], y = data.y[row];
      if (x < area.x0 || x > area.x1 || y < area.y0 || y > area.y1) visible[row] = 0;
    }
  }
  state.count = visible.reduce((sum, one) => sum + one, 0);
}

function filtered() {
  return state.found !== null || state.area !== null || state.selectedCodes.some((set) => set.size > 0);
}

function toggleCode(at, code) {
  const set = state.selectedCodes[at];
  if (!set.delete(code)) set.add(code);
  changed("filter");
  announce(countLabel(state.count) + " shown");
}

// Finds the rows whose title, text or id contains every word.
function findWords(text) {
  const words = text.toLocaleLowerCase().split(/\s+/).filter((word) => word);
  const rows = [];
  for (let row = 0; row < data.rows; row++) {
    const all = (data.titles[row] + " " + data.texts[row] + " " + (data.ids[row] ?? "")).toLocaleLowerCase();
    if (words.every((word) => all.includes(word))) rows.push(row);
  }
  return { kind: "words", text, rows, scores: null };
}
