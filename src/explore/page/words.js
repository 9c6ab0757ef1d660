"use strict";
// The map of the common words of titles and texts, by word2vec.

const words = { view: null, boxes: [], cursor: -1, selected: -1 };

function startWords() {
  const buttons = [...element("map-choice").children];
  const show = (which) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.map === which));
    const isWords = which === "words";
    element("words-stage").hidden = !isWords;
    element("products-stage").hidden = isWords;
    element("words-help").hidden = !isWords;
    element("map-help").hidden = isWords;
    element("area").hidden = isWords;
    element("map-title").textContent = isWords ? "Words" : "Map";
    map.view.paint();
    words.view?.paint();
  };
  for (const button of buttons) button.addEventListener("click", () => show(button.dataset.map));
  element("map-choice").hidden = data.words.names.length === 0;
  if (data.words.names.length === 0) return;
  const canvas = element("words-map");
  words.view = new View(canvas, drawWords, { point: (x, y) => selectWord(wordAt(x, y)), hover: null, area: null });
  canvas.addEventListener("keydown", wordKey);
  canvas.addEventListener("blur", () => {
    words.cursor = -1;
    words.view.paint();
  });
}

function shownView() {
  return element("words-stage").hidden ? map.view : words.view;
}

function sizeOf(word) {
  const { counts } = data.words;
  return 10 + 16 * Math.sqrt(counts[word] / counts[0]);
}

function drawWords(context, view) {
  const { names, x, y } = data.words;
  const near = new Set(words.selected >= 0 ? data.words.near[words.selected] : []);
  const grow = view.zoom ** 0.25;
  words.boxes = [];
  context.textAlign = "center";
  context.textBaseline = "middle";
  // The selected word and its neighbours are drawn first, then the most common
  // ones. A word without room is drawn as a point.
  const order = names.map((_, word) => word);
  const rank = (word) => (word === words.selected || word === words.cursor ? 0 : near.has(word) ? 1 : 2);
  order.sort((a, b) => rank(a) - rank(b) || a - b);
  for (const word of order) {
    let px = view.screenX(x[word]);
    let py = view.screenY(y[word]);
    if (px < -40 || py < -20 || px > view.width + 40 || py > view.height + 20) continue;
    const size = sizeOf(word) * grow;
    const strong = rank(word) < 2;
    context.font = (strong ? "650 " : "500 ") + size.toFixed(1) + "px system-ui, sans-serif";
    const half = context.measureText(names[word]).width / 2 + 2, high = size * 0.55;
    // Words at the edge of the whole map are moved inside.
    if (view.zoom === 1) px = Math.min(view.width - half, Math.max(half, px));
    const freeAt = (at) => !words.boxes.some((box) => box.written && Math.abs(box.px - px) < box.half + half && Math.abs(box.py - at) < box.high + high);
    // The selected words may move a little.
    const shift = strong ? [0, 1, -1, 2, -2, 3, -3].find((it) => freeAt(py + it * high)) : undefined;
    const free = shift !== undefined || freeAt(py);
    py += (shift ?? 0) * high;
    const box = { word, px, py, half, high, written: strong || free };
    words.boxes.push(box);
    context.globalAlpha = words.selected >= 0 && !strong ? 0.45 : 1;
    context.fillStyle = style(word === words.selected ? "--accent" : strong ? "--ink" : "--soft");
    if (box.written) {
      context.fillText(names[word], px, py);
    } else {
      context.beginPath();
      context.arc(px, py, 1.6, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
    if (word === words.cursor) {
      context.strokeStyle = style("--accent");
      context.lineWidth = 2;
      context.strokeRect(px - half - 3, py - high - 3, 2 * half + 6, 2 * high + 6);
    }
  }
}

function wordAt(x, y) {
  const hit = words.boxes.find((box) => box.written && Math.abs(box.px - x) < box.half && Math.abs(box.py - y) < box.high);
  if (hit) return hit.word;
  const point = words.boxes.find((box) => !box.written && Math.hypot(box.px - x, box.py - y) < 7);
  return point ? point.word : -1;
}

function selectWord(word) {
  words.selected = word;
  if (word < 0) {
    if (state.found?.kind === "word") setFound(null);
  } else {
    const text = data.words.names[word];
    const pattern = new RegExp("(?<![\\p{L}\\p{N}])" + text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") + "(?![\\p{L}\\p{N}])", "iu");
    const rows = [];
    for (let row = 0; row < data.rows; row++) {
      if (pattern.test(data.titles[row] + " " + data.texts[row])) rows.push(row);
    }
    setFound({ kind: "word", text, rows, scores: null });
    const near = data.words.near[word].map((other) => data.words.names[other]);
    announce(text + ": " + countLabel(rows.length) + ". Near it: " + near.join(", "));
    showWord(word, near, rows.length);
  }
  words.view.paint();
}

function wordKey(event) {
  if (words.view.key(event)) {
    event.preventDefault();
  } else if (event.key in ARROWS && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    const from = words.cursor >= 0 ? words.cursor : words.selected;
    const { names, counts, x, y } = data.words;
    const next = from < 0 ? 0 : inDirection(ARROWS[event.key], from, names.length, (it) => x[it], (it) => y[it], () => true);
    if (next < 0) {
      announce("No further word in this direction");
      return;
    }
    words.cursor = next;
    words.view.reveal(x[next], y[next]);
    words.view.paint();
    announce(names[next] + ", " + number(counts[next]) + " times");
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    if (words.cursor >= 0) selectWord(words.cursor);
  } else if (event.key === "Escape") {
    selectWord(-1);
  }
}

onChange(() => words.view?.paint());
