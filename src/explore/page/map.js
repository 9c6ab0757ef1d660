"use strict";
// The map of products: a point for each row, on a canvas. A grid of cells finds
// the points near a position without a scan of all points.

const CELLS = 128;

const map = { view: null, grid: null, starts: null, cursor: -1, hover: -1, image: null, imageKey: "" };

function startMap() {
  indexPoints();
  map.view = new View(element("products-map"), drawMap, {
    point: (x, y) => {
      const row = pointAt(x, y, 14);
      if (row >= 0) selectRow(row);
      else if (state.selected >= 0) selectRow(-1);
    },
    hover: hoverMap,
    area: (area) => {
      state.area = area;
      setSelecting(false);
      changed("filter");
      announce(area ? countLabel(state.count) + " in the area" : "No area");
    },
  });
  element("zoom-in").addEventListener("click", () => shownView().zoomBy(1.6, undefined, undefined, true));
  element("zoom-out").addEventListener("click", () => shownView().zoomBy(1 / 1.6, undefined, undefined, true));
  element("zoom-all").addEventListener("click", () => shownView().fit());
  element("area").addEventListener("click", () => setSelecting(!map.view.selecting));
  const canvas = element("products-map");
  canvas.addEventListener("keydown", mapKey);
  canvas.addEventListener("blur", () => {
    map.cursor = -1;
    map.view.paint();
  });
}

function setSelecting(on) {
  map.view.selecting = on;
  element("area").setAttribute("aria-pressed", String(on));
}

// Sorts the rows by cell, with the offset of each cell.
function indexPoints() {
  const starts = new Uint32Array(CELLS * CELLS + 1);
  for (let row = 0; row < data.rows; row++) starts[cellOf(data.x[row], data.y[row]) + 1] += 1;
  for (let cell = 0; cell < CELLS * CELLS; cell++) starts[cell + 1] += starts[cell];
  const next = starts.slice();
  map.grid = new Uint32Array(data.rows);
  for (let row = 0; row < data.rows; row++) map.grid[next[cellOf(data.x[row], data.y[row])]++] = row;
  map.starts = starts;
}

function step(value) {
  return Math.min(CELLS - 1, Math.max(0, Math.floor(value * CELLS)));
}

function cellOf(x, y) {
  return step(y) * CELLS + step(x);
}

// The visible row nearest to a position in pixels, -1 beyond `reach` pixels.
function pointAt(px, py, reach) {
  const view = map.view;
  const x = view.mapX(px), y = view.mapY(py);
  const dx = reach / view.unitX, dy = reach / view.unitY;
  let best = -1, nearest = reach * reach;
  for (let cy = step(y - dy); cy <= step(y + dy); cy++) {
    for (let cx = step(x - dx); cx <= step(x + dx); cx++) {
      const cell = cy * CELLS + cx;
      for (let at = map.starts[cell]; at < map.starts[cell + 1]; at++) {
        const row = map.grid[at];
        if (!state.visible[row]) continue;
        const distance = ((data.x[row] - x) * view.unitX) ** 2 + ((data.y[row] - y) * view.unitY) ** 2;
        if (distance < nearest) [best, nearest] = [row, distance];
      }
    }
  }
  return best;
}

function radius(view) {
  const usual = data.rows > 20000 ? 1.7 : data.rows > 5000 ? 2.3 : data.rows > 800 ? 3.2 : 4.6;
  return Math.min(8, usual * view.zoom ** 0.4);
}

// Opacity of each pixel of a dot, in 256ths; `size` is in pixels of the screen.
// Dots are slightly transparent.
function dotMask(size) {
  const side = 2 * Math.ceil(size) + 1, middle = (side - 1) / 2;
  const cover = new Uint16Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const inside = size + 0.5 - Math.hypot(x - middle, y - middle);
      cover[y * side + x] = Math.round(215 * Math.min(1, Math.max(0, inside)));
    }
  }
  return { side, cover };
}

// A colour as a pixel: alpha, blue, green and red from the highest byte.
function pixel(colour) {
  const [, r, g, b] = colour.match(/^#(..)(..)(..)$/).map((part) => parseInt(part, 16));
  return (255 << 24) | (b << 16) | (g << 8) | r;
}

// All points as one image, which is faster than shapes for thousands of points.
// It is cached until the view or the rows change.
function pointsImage(view) {
  const { width, height } = view.canvas;
  const theme = document.documentElement.dataset.theme;
  const key = [width, height, view.zoom, view.left, view.top, theme, state.version].join();
  if (map.imageKey === key) return map.image;
  map.imageKey = key;
  if (map.image?.width !== width || map.image.height !== height) map.image = new ImageData(width, height);
  const pixels = new Uint32Array(map.image.data.buffer);
  pixels.fill(pixel(style("--card")));
  const ratio = width / view.width;
  const some = state.count < data.rows;
  const group = data.groups[state.group];
  const ink = group ? group.names.map((_, code) => pixel(colourOf(code, group))) : [pixel(colourOf(0))];
  const faint = pixel(style("--faint"));
  const unitX = view.unitX * ratio, unitY = view.unitY * ratio;
  // First the hidden rows, then the visible ones, a little larger.
  for (const pass of some ? [0, 1] : [1]) {
    const { side, cover } = dotMask(radius(view) * ratio * (some ? [0.85, 1.2][pass] : 1));
    const half = (side - 1) / 2;
    const left = view.screenX(0) * ratio - half, top = view.screenY(1) * ratio - half;
    for (let row = 0; row < data.rows; row++) {
      if (state.visible[row] !== pass) continue;
      const px = Math.round(left + data.x[row] * unitX), py = Math.round(top + (1 - data.y[row]) * unitY);
      if (px < 0 || py < 0 || px + side > width || py + side > height) continue;
      const colour = pass === 0 ? faint : ink[group ? group.codes[row] : 0];
      const r = colour & 255, g = (colour >> 8) & 255, b = (colour >> 16) & 255;
      for (let dy = 0, at = 0; dy < side; dy++) {
        for (let dx = 0, to = (py + dy) * width + px; dx < side; dx++, at++, to++) {
          const a = cover[at];
          if (a === 0) continue;
          const old = pixels[to];
          const or = old & 255, og = (old >> 8) & 255, ob = (old >> 16) & 255;
          pixels[to] = (255 << 24) | ((ob + (((b - ob) * a) >> 8)) << 16) | ((og + (((g - og) * a) >> 8)) << 8) | (or + (((r - or) * a) >> 8));
        }
      }
    }
  }
  return map.image;
}

function drawMap(context, view) {
  const size = radius(view);
  context.putImageData(pointsImage(view), 0, 0);
  drawNeighbours(context, view, size);
  if (state.selected < 0) drawLabels(context, view, data.groups[state.group]);
  if (map.hover >= 0) ring(context, view, map.hover, size + 3, 1.5, style("--ink"));
  if (map.cursor >= 0) {
    ring(context, view, map.cursor, size + 6, 3, style("--card"));
    ring(context, view, map.cursor, size + 6, 2, style("--accent"));
  }
}

function ring(context, view, row, size, width, colour) {
  context.beginPath();
  context.arc(view.screenX(data.x[row]), view.screenY(data.y[row]), size, 0, 7);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

function drawNeighbours(context, view, size) {
  if (state.selected < 0) return;
  const x = view.screenX(data.x[state.selected]), y = view.screenY(data.y[state.selected]);
  context.strokeStyle = style("--ink");
  context.lineWidth = 1;
  context.globalAlpha = 0.55;
  for (const row of state.near?.rows ?? []) {
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(view.screenX(data.x[row]), view.screenY(data.y[row]));
    context.stroke();
  }
  context.globalAlpha = 1;
  for (const row of state.near?.rows ?? []) {
    dot(context, view, row, size + 1.5);
    ring(context, view, row, size + 1.5, 1.2, style("--ink"));
  }
  dot(context, view, state.selected, size + 3);
  ring(context, view, state.selected, size + 4, 2.5, style("--ink"));
}

function dot(context, view, row, size) {
  const group = data.groups[state.group];
  context.fillStyle = group ? colourOf(group.codes[row], group) : colourOf(0);
  context.beginPath();
  context.arc(view.screenX(data.x[row]), view.screenY(data.y[row]), size, 0, 7);
  context.fill();
}

// The densest position of each group: the mean of the points in the fullest
// neighbourhood of a coarse grid.
function labelPositions(group) {
  const wide = 20;
  const key = state.version;
  if (map.labelPositionsKey === key) return map.labelPositions;
  const counts = group.names.map(() => new Uint32Array(wide * wide));
  const at = (value) => Math.min(wide - 1, Math.max(0, Math.floor(value * wide)));
  for (let row = 0; row < data.rows; row++) {
    if (state.visible[row]) counts[group.codes[row]][at(data.y[row]) * wide + at(data.x[row])] += 1;
  }
  const best = counts.map((cells) => {
    let most = 0, cell = -1;
    for (let cy = 0; cy < wide; cy++) {
      for (let cx = 0; cx < wide; cx++) {
        let sum = 0;
        for (let y = Math.max(0, cy - 1); y <= Math.min(wide - 1, cy + 1); y++) {
          for (let x = Math.max(0, cx - 1); x <= Math.min(wide - 1, cx + 1); x++) sum += cells[y * wide + x];
        }
        if (sum > most) [most, cell] = [sum, cy * wide + cx];
      }
    }
    return { most, cx: cell % wide, cy: Math.floor(cell / wide), x: 0, y: 0, n: 0 };
  });
  for (let row = 0; row < data.rows; row++) {
    const position = best[group.codes[row]];
    if (!state.visible[row] || position.most === 0) continue;
    if (Math.abs(at(data.x[row]) - position.cx) > 1 || Math.abs(at(data.y[row]) - position.cy) > 1) continue;
    position.x += data.x[row];
    position.y += data.y[row];
    position.n += 1;
  }
  map.labelPositionsKey = key;
  map.labelPositions = best.map((position) => (position.n ? { x: position.x / position.n, y: position.y / position.n, n: position.n } : null));
  return map.labelPositions;
}

function drawLabels(context, view, group) {
  if (!group) return;
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  const taken = [];
  labelPositions(group).forEach((position, code) => {
    if (!position || position.n < 2 || group.names[code] === null || code >= MAX_COLOURS) return;
    const text = truncate(group.names[code], 34);
    const half = context.measureText(text).width / 2 + 6;
    const x = Math.min(view.width - half, Math.max(half, view.screenX(position.x)));
    for (const shift of [0, -18, 18, -36, 36]) {
      const y = view.screenY(position.y) + shift;
      if (y < 10 || y > view.height - 10 || view.screenX(position.x) < 0 || view.screenX(position.x) > view.width) continue;
      if (taken.some((it) => Math.abs(it.x - x) < it.half + half && Math.abs(it.y - y) < 17)) continue;
      taken.push({ x, y, half });
      context.lineWidth = 4;
      context.strokeStyle = style("--card");
      context.strokeText(text, x, y);
      context.fillStyle = style("--ink");
      context.fillText(text, x, y);
      return;
    }
  });
}

function truncate(text, most) {
  const letters = [...text];
  return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : text;
}

function hoverMap(x, y) {
  const row = x === null ? -1 : pointAt(x, y, 12);
  if (row === map.hover) return;
  map.hover = row;
  showTip(row);
  map.view.paint();
}

function showTip(row) {
  const tip = element("tip");
  tip.hidden = row < 0;
  if (row < 0) return;
  tip.replaceChildren(createDataNode("div", "", truncate(titleOf(row), 140)));
  for (const group of shownGroups().map((at) => data.groups[at])) tip.append(createDataNode("div", "second", nameOf(group, group.codes[row])));
  const view = map.view;
  const x = view.screenX(data.x[row]), y = view.screenY(data.y[row]);
  const width = tip.offsetWidth, height = tip.offsetHeight;
  tip.style.left = Math.max(0, Math.min(view.width - width, x + 14)) + "px";
  tip.style.top = (y + 14 + height > view.height ? Math.max(0, y - 14 - height) : y + 14) + "px";
}

function mapKey(event) {
  if (map.view.key(event)) {
    event.preventDefault();
    return;
  }
  if (event.key in ARROWS && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    const from = map.cursor >= 0 ? map.cursor : state.selected;
    const next = from < 0 || !state.visible[from] ? middlePoint() : inDirection(
      ARROWS[event.key], from, data.rows,
      (row) => data.x[row] * map.view.unitX, (row) => data.y[row] * map.view.unitY, (row) => state.visible[row] === 1,
    );
    if (next < 0) {
      announce("No further point in this direction");
      return;
    }
    map.cursor = next;
    map.view.reveal(data.x[next], data.y[next]);
    map.view.paint();
    const groups = shownGroups().map((at) => nameOf(data.groups[at], data.groups[at].codes[next]));
    announce([titleOf(next).slice(0, 160), ...groups].join(", "));
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    if (map.cursor >= 0) selectRow(map.cursor);
  } else if (event.key === "Escape") {
    if (state.area) {
      state.area = null;
      changed("filter");
    }
    setSelecting(false);
    selectRow(-1);
  }
}

// The visible point nearest to the middle of the view.
function middlePoint() {
  const { view } = map;
  return pointAt(view.width / 2, view.height / 2, Math.max(view.width, view.height) * view.zoom);
}

onChange((what) => {
  if (!map.view) return;
  if (what === "filter") hoverMap(null);
  if (what === "selected" && state.selected >= 0) map.view.reveal(data.x[state.selected], data.y[state.selected]);
  map.view.paint();
});
