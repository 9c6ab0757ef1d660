'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find('data').textContent);
  const plot = find('plot');
  const tip = find('tip');
  const svg = plot.querySelector('svg');
  const bars = [...svg.querySelectorAll('[data-i]')];
  const points = data.points;
  const hidden = new Set();

  // Marks, by number: bars are elements, points are places.
  const count = points ? points.fill.length : bars.length;
  const classOf = (i) => (points ? data.fills[points.fill[i]] : bars[i].dataset.c);
  const shown = (i) => !hidden.has(classOf(i));
  const factor = () => svg.getBoundingClientRect().width / data.width;
  let current = -1;

  // The order in which the arrow keys go: across, then down.
  const order = [...Array(count).keys()];
  if (points) order.sort((a, b) => points.at[2 * a] - points.at[2 * b]);

  // Points in squares, so that the pointer looks at a few of them only.
  const SIDE = points ? points.reach : 0;
  const grid = new Map();
  const square = (x, y) => Math.floor(x / SIDE) + ',' + Math.floor(y / SIDE);
  if (points) {
    for (let i = 0; i < count; i++) {
      const key = square(points.at[2 * i], points.at[2 * i + 1]);
      const inside = grid.get(key);
      if (inside) inside.push(i); else grid.set(key, [i]);
    }
  }

  function nearest(x, y) {
    let best = -1;
    let least = SIDE * SIDE;
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (const i of grid.get(square(x + dx * SIDE, y + dy * SIDE)) || []) {
          const away = (points.at[2 * i] - x) ** 2 + (points.at[2 * i + 1] - y) ** 2;
          if (away < least && shown(i)) { least = away; best = i; }
        }
      }
    }
    return best;
  }

  // Points, on the canvas above the drawing.
  let canvas = null;
  let pen = null;
  let picture = null;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

  function paint() {
    if (!points) return;
    if (!canvas) {
      canvas = document.createElement('canvas');
      plot.append(canvas);
      pen = canvas.getContext('2d');
      picture = document.createElement('canvas');
    }
    const size = svg.getBoundingClientRect();
    const dense = window.devicePixelRatio || 1;
    canvas.width = picture.width = Math.max(1, Math.round(size.width * dense));
    canvas.height = picture.height = Math.max(1, Math.round(size.height * dense));
    const scale = canvas.width / data.width;
    const to = picture.getContext('2d');
    to.scale(scale, scale);
    to.globalAlpha = points.opacity;
    const colors = data.fills.map(color);
    if (points.drawn) {
      for (let i = 0; i < count; i++) {
        if (!shown(i)) continue;
        to.fillStyle = colors[points.fill[i]];
        to.beginPath();
        to.arc(points.at[2 * i], points.at[2 * i + 1], points.radius, 0, 2 * Math.PI);
        to.fill();
      }
    }
    mark();
  }

  function mark() {
    if (!points) {
      bars.forEach((bar, i) => bar.classList.toggle('on', i === current));
      return;
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    if (current < 0) return;
    const scale = canvas.width / data.width;
    pen.scale(scale, scale);
    pen.beginPath();
    pen.arc(points.at[2 * current], points.at[2 * current + 1], points.radius + 2.5, 0, 2 * Math.PI);
    pen.fillStyle = color(classOf(current));
    pen.fill();
    pen.lineWidth = 1.5;
    pen.strokeStyle = color('text');
    pen.stroke();
  }

  const cellsOf = (i) => data.cells[points ? i : bars[i].dataset.i] || [];

  function show(i, x, y) {
    if (i !== current) {
      current = i;
      mark();
      tip.replaceChildren();
      if (i >= 0) {
        cellsOf(i).forEach((cell, at) => {
          const line = document.createElement('div');
          const name = document.createElement('b');
          const text = document.createElement('span');
          name.textContent = data.names[at];
          text.textContent = cell;
          name.dir = text.dir = 'auto';
          line.append(name, text);
          tip.append(line);
        });
      }
      tip.hidden = i < 0 || !cellsOf(i).length;
    }
    if (tip.hidden) return;
    // Beside the pointer, and always on the screen.
    const box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > innerWidth ? x - 14 - box.width : x + 14;
    const top = y + 14 + box.height > innerHeight ? y - 14 - box.height : y + 14;
    tip.style.left = Math.max(4, left) + 'px';
    tip.style.top = Math.max(4, top) + 'px';
  }

  function showByKey(i) {
    const frame = svg.getBoundingClientRect();
    if (points) {
      const scale = factor();
      show(i, frame.left + points.at[2 * i] * scale, frame.top + points.at[2 * i + 1] * scale);
    } else {
      const box = bars[i].getBoundingClientRect();
      show(i, box.left + box.width / 2, box.top + box.height / 2);
    }
  }

  plot.addEventListener('pointermove', (event) => {
    if (points) {
      const frame = svg.getBoundingClientRect();
      const scale = factor();
      const i = nearest((event.clientX - frame.left) / scale, (event.clientY - frame.top) / scale);
      show(i, event.clientX, event.clientY);
    } else {
      const bar = event.target.closest('[data-i]');
      show(bar ? bars.indexOf(bar) : -1, event.clientX, event.clientY);
    }
  });
  plot.addEventListener('pointerleave', () => show(-1));
  plot.addEventListener('blur', () => show(-1));
  plot.addEventListener('focus', () => {
    const first = order.find(shown);
    if (plot.matches(':focus-visible') && first !== undefined) showByKey(first);
  });
  plot.addEventListener('keydown', (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: 0, End: 0 };
    if (event.key === 'Escape') show(-1);
    if (!(event.key in steps)) return;
    event.preventDefault();
    const visible = order.filter(shown);
    if (!visible.length) return;
    const at = visible.indexOf(current) + steps[event.key];
    const place = event.key === 'Home' ? 0 : event.key === 'End' ? visible.length - 1 : at;
    showByKey(visible[Math.min(Math.max(place, 0), visible.length - 1)]);
  });

  // Bars close up over the parts that are hidden.
  const bands = new Map();
  if (data.stacked) {
    const across = data.stacked === 'across';
    for (const bar of bars) {
      const number = (name) => Number(bar.getAttribute(name));
      const band = bar.getAttribute(across ? 'y' : 'x');
      const part = across
        ? { bar, from: number('x'), length: number('width') }
        : { bar, from: number('y') + number('height'), length: number('height') };
      if (bands.has(band)) bands.get(band).push(part); else bands.set(band, [part]);
    }
  }
  function closeUp() {
    for (const parts of bands.values()) {
      let at = parts[0].from;
      for (const { bar, length } of parts) {
        if (hidden.has(bar.dataset.c)) continue;
        if (data.stacked === 'across') {
          bar.setAttribute('x', at);
          at += length;
        } else {
          at -= length;
          bar.setAttribute('y', at);
        }
      }
    }
    // What stands at their ends is true of whole bars only.
    plot.classList.toggle('part', hidden.size > 0);
  }

  for (const button of document.querySelectorAll('.legend button')) {
    button.addEventListener('click', () => {
      const name = button.dataset.c;
      const off = !hidden.delete(name);
      if (off) hidden.add(name);
      button.setAttribute('aria-pressed', String(!off));
      for (const part of svg.querySelectorAll('[data-c]')) {
        part.classList.toggle('off', hidden.has(part.dataset.c));
      }
      closeUp();
      current = -1;
      tip.hidden = true;
      paint();
    });
  }

  paint();
  new ResizeObserver(paint).observe(plot);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
})();
