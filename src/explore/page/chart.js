"use strict";
// Chart of a SQL result, of a kind that fits its columns.

const CHART_WIDTH = 900, MAX_BARS = 30, MAX_POINTS = 1000;

function svg(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function numbers(result, column) {
  return result.rows.map((row) => (row[column] === null ? NaN : Number(row[column])));
}

// Chooses the kind: bars for names and a number, a line for dates or many steps,
// points for two numbers.
function chartFor(result) {
  const numeric = result.columns.map((column, at) => (column.number ? at : -1)).filter((at) => at >= 0);
  const named = result.columns.findIndex((column) => !column.number && !column.nested);
  if (result.rows.length < 2 || numeric.length === 0) return null;
  if (named >= 0) {
    const time = result.columns[named].time;
    return { kind: time ? "line" : result.rows.length <= MAX_BARS ? "bar" : "none", label: named, value: numeric[0] };
  }
  if (numeric.length < 2) return { kind: "none", label: -1, value: numeric[0] };
  return { kind: "scatter", label: numeric[0], value: numeric[1] };
}

function drawChart(result, chart, kind) {
  const container = element("chart");
  container.replaceChildren();
  if (!chart || kind === "none") return;
  const draw = { bar: bars, line, scatter }[kind];
  container.append(draw(result, chart));
}

function titled(node, result, chart, kind) {
  const name = (at) => (at < 0 ? "row" : result.columns[at].name);
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", kind + " of " + name(chart.value) + " by " + name(chart.label) + "; the table below has the numbers");
  return node;
}

function bars(result, chart) {
  const rows = result.rows.slice(0, MAX_BARS);
  const values = numbers(result, chart.value).slice(0, MAX_BARS);
  const high = 24, left = 220, right = 90;
  const highest = Math.max(0, ...values.filter(Number.isFinite)), lowest = Math.min(0, ...values.filter(Number.isFinite));
  const scale = (CHART_WIDTH - left - right) / (highest - lowest || 1);
  const zero = left - lowest * scale;
  const node = svg("svg", { viewBox: `0 0 ${CHART_WIDTH} ${rows.length * high + 4}` });
  rows.forEach((row, at) => {
    const y = at * high + 2, value = values[at];
    const label = chart.label < 0 ? String(at + 1) : row[chart.label] ?? "NULL";
    node.append(svg("text", { x: left - 8, y: y + 15, "text-anchor": "end" }, truncate(label, 30)));
    if (!Number.isFinite(value)) return;
    const width = Math.max(1, Math.abs(value) * scale);
    node.append(svg("rect", { class: "mark", x: value < 0 ? zero - width : zero, y: y + 3, width, height: high - 8, rx: 3 }));
    node.append(svg("text", { x: zero + Math.max(0, value * scale) + 6, y: y + 15 }, number(value)));
  });
  return titled(node, result, chart, "Bars");
}

function ticks(low, high, count) {
  const raw = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= raw);
  const list = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) list.push(at * step);
  return list;
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1);
  return number(Number(value.toPrecision(4)));
}

// Axes, and the scales from values to pixels.
function plane(xs, ys, names) {
  const high = 300, left = 80, bottom = 40;
  const range = (list) => {
    const known = list.filter(Number.isFinite);
    const low = known.reduce((a, b) => Math.min(a, b), Infinity), top = known.reduce((a, b) => Math.max(a, b), -Infinity);
    return low < top ? [low, top] : [low - 1, top + 1];
  };
  const [x0, x1] = range(xs), [y0, y1] = range(ys);
  const x = (value) => left + ((value - x0) / (x1 - x0)) * (CHART_WIDTH - left - 20);
  const y = (value) => 10 + ((y1 - value) / (y1 - y0)) * (high - 10 - bottom);
  const node = svg("svg", { viewBox: `0 0 ${CHART_WIDTH} ${high}` });
  for (const tick of ticks(y0, y1, 5)) {
    node.append(svg("line", { class: "axis", x1: left, x2: CHART_WIDTH - 20, y1: y(tick), y2: y(tick) }));
    node.append(svg("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  node.append(svg("text", { x: CHART_WIDTH - 20, y: high - 4, "text-anchor": "end" }, names[0]));
  node.append(svg("text", { x: 4, y: 10 }, names[1]));
  return { node, x, y, x0, x1, bottom: high - bottom + 16 };
}

function line(result, chart) {
  const ys = numbers(result, chart.value);
  const label = chart.label >= 0 ? result.columns[chart.label] : { name: "row" };
  const times = label.time ? result.rows.map((row) => Date.parse(row[chart.label])) : [];
  const byTime = times.length > 0 && times.every(Number.isFinite);
  const xs = byTime ? times : label.number ? numbers(result, chart.label) : ys.map((_, at) => at);
  const order = xs.map((_, at) => at).filter((at) => Number.isFinite(xs[at]) && Number.isFinite(ys[at])).sort((a, b) => xs[a] - xs[b]);
  const { node, x, y, bottom } = plane(xs, ys, [label.name, result.columns[chart.value].name]);
  const path = order.map((at, step) => (step ? "L" : "M") + x(xs[at]).toFixed(1) + " " + y(ys[at]).toFixed(1)).join("");
  node.append(svg("path", { class: "stroke", d: path }));
  for (const [at, anchor] of [[order[0], "start"], [order.at(-1), "end"]]) {
    if (at === undefined) continue;
    const text = chart.label < 0 ? String(at + 1) : result.rows[at][chart.label] ?? "NULL";
    node.append(svg("text", { x: x(xs[at]), y: bottom, "text-anchor": anchor }, truncate(text, 24)));
  }
  return titled(node, result, chart, "Line");
}

function scatter(result, chart) {
  const across = chart.label >= 0 && result.columns[chart.label].number ? numbers(result, chart.label) : result.rows.map((_, at) => at);
  const ys = numbers(result, chart.value);
  const name = chart.label >= 0 ? result.columns[chart.label].name : "row";
  const { node, x, y, x0, x1, bottom } = plane(across, ys, [name, result.columns[chart.value].name]);
  for (const tick of ticks(x0, x1, 6)) node.append(svg("text", { x: x(tick), y: bottom, "text-anchor": "middle" }, short(tick)));
  across.slice(0, MAX_POINTS).forEach((value, at) => {
    if (!Number.isFinite(value) || !Number.isFinite(ys[at])) return;
    node.append(svg("circle", { class: "mark", cx: x(value).toFixed(1), cy: y(ys[at]).toFixed(1), r: 2.5 }));
  });
  return titled(node, result, chart, "Points");
}
