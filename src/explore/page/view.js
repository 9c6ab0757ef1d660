"use strict";
// A canvas that can be panned and zoomed, for both maps, with the conversion of map
// units (0 to 1, y upwards) to pixels.

class View {
  // `draw(context, view)` paints. `hooks` has point(x, y), hover(x, y) in pixels and
  // area(rectangle) in map units; each may be null.
  constructor(canvas, draw, hooks) {
    this.canvas = canvas;
    this.draw = draw;
    this.hooks = hooks;
    this.zoom = 1;
    this.left = 0;
    this.top = 0;
    this.width = 0;
    this.height = 0;
    this.band = null;
    this.selecting = false;
    this.waiting = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("pointerleave", () => this.hooks.hover?.(null));
    this.pointers = new Map();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const fit = this.width === 0;
    this.width = box.width;
    this.height = box.height;
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    if (fit || this.zoom === 1) this.fit(false);
    this.paint();
  }

  // Pixels of one map unit.
  get unitX() {
    return (this.width - 2 * View.MARGIN) * this.zoom;
  }

  get unitY() {
    return (this.height - 2 * View.MARGIN) * this.zoom;
  }

  screenX(x) {
    return View.MARGIN + x * this.unitX - this.left;
  }

  screenY(y) {
    return View.MARGIN + (1 - y) * this.unitY - this.top;
  }

  mapX(x) {
    return (x - View.MARGIN + this.left) / this.unitX;
  }

  mapY(y) {
    return 1 - (y - View.MARGIN + this.top) / this.unitY;
  }

  fit(animated = true) {
    this.go(1, 0, 0, animated);
  }

  // Zooms by `factor` around a position in pixels, by default the middle.
  zoomBy(factor, x = this.width / 2, y = this.height / 2, animated = false) {
    const zoom = Math.min(60, Math.max(1, this.zoom * factor));
    const grow = zoom / this.zoom;
    const left = (this.left + x - View.MARGIN) * grow - x + View.MARGIN;
    const top = (this.top + y - View.MARGIN) * grow - y + View.MARGIN;
    this.go(zoom, left, top, animated);
  }

  // Moves the view to a position of the map that is not visible.
  reveal(x, y) {
    const px = this.screenX(x), py = this.screenY(y);
    const edge = 24;
    if (px > edge && py > edge && px < this.width - edge && py < this.height - edge) return;
    this.go(this.zoom, this.left + px - this.width / 2, this.top + py - this.height / 2, true);
  }

  go(zoom, left, top, animated) {
    const from = [this.zoom, this.left, this.top];
    // The view stays near the map.
    const limit = (value, length) => Math.min(Math.max(value, -length * 0.5), length * (zoom - 0.5));
    const to = [zoom, limit(left, this.width), limit(top, this.height)];
    if (zoom === 1) to[1] = to[2] = 0;
    cancelAnimationFrame(this.flight);
    if (!animated || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      [this.zoom, this.left, this.top] = to;
      this.paint();
      return;
    }
    const begun = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - begun) / 220));
      const eased = 1 - (1 - t) ** 3;
      [this.zoom, this.left, this.top] = from.map((value, at) => value + (to[at] - value) * eased);
      this.paint();
      if (t < 1) this.flight = requestAnimationFrame(step);
    };
    this.flight = requestAnimationFrame(step);
  }

  paint() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (this.width === 0) return;
      const context = this.canvas.getContext("2d");
      const ratio = this.canvas.width / this.width;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, this.width, this.height);
      this.draw(context, this);
      if (this.band) {
        const { x0, y0, x1, y1 } = this.band;
        context.fillStyle = style("--accent");
        context.globalAlpha = 0.12;
        context.fillRect(x0, y0, x1 - x0, y1 - y0);
        context.globalAlpha = 1;
        context.strokeStyle = style("--accent");
        context.strokeRect(x0, y0, x1 - x0, y1 - y0);
      }
    });
  }

  pointerPosition(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  wheel(event) {
    event.preventDefault();
    const [x, y] = this.pointerPosition(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoomBy(Math.exp(-event.deltaY * lines * 0.0016), x, y);
    this.hooks.hover?.(null);
  }

  down(event) {
    if (event.button !== 0) return;
    const [x, y] = this.pointerPosition(event);
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [x, y]);
    this.dragged = false;
    this.hooks.hover?.(null);
    if (this.hooks.area && (this.selecting || event.shiftKey)) this.band = { x0: x, y0: y, x1: x, y1: y };
  }

  move(event) {
    const [x, y] = this.pointerPosition(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hooks.hover?.(x, y);
      return;
    }
    if (this.band) {
      Object.assign(this.band, { x1: x, y1: y });
      this.dragged = true;
      this.paint();
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    if (others.length === 1) {
      const [, [ox, oy]] = others[0];
      const grow = Math.hypot(x - ox, y - oy) / Math.max(1, Math.hypot(before[0] - ox, before[1] - oy));
      this.zoomBy(grow, (x + ox) / 2, (y + oy) / 2);
      this.dragged = true;
    } else if (this.dragged || Math.hypot(x - before[0], y - before[1]) > 4) {
      this.dragged = true;
      this.canvas.classList.add("moving");
      this.go(this.zoom, this.left - (x - before[0]), this.top - (y - before[1]), false);
    } else {
      return;
    }
    this.pointers.set(event.pointerId, [x, y]);
  }

  up(event) {
    const [x, y] = this.pointerPosition(event);
    const known = this.pointers.delete(event.pointerId);
    this.canvas.classList.remove("moving");
    if (this.band) {
      const { x0, y0, x1, y1 } = this.band;
      this.band = null;
      const wide = Math.abs(x1 - x0) > 4 && Math.abs(y1 - y0) > 4;
      const xs = [this.mapX(x0), this.mapX(x1)].sort((a, b) => a - b);
      const ys = [this.mapY(y0), this.mapY(y1)].sort((a, b) => a - b);
      this.hooks.area(wide ? { x0: xs[0], x1: xs[1], y0: ys[0], y1: ys[1] } : null);
      this.paint();
    } else if (known && !this.dragged) {
      this.hooks.point?.(x, y);
    }
  }

  cancel() {
    this.pointers.clear();
    this.band = null;
    this.canvas.classList.remove("moving");
    this.paint();
  }

  // Handles the keys of both maps. Returns whether it handled the key.
  key(event) {
    const keys = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, "−": 1 / 1.5 };
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key in keys) this.zoomBy(keys[event.key], undefined, undefined, true);
    else if (event.key === "0") this.fit();
    else return false;
    return true;
  }
}

View.MARGIN = 18;

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// Finds the next of `count` points in the direction of an arrow key: near, and
// close to the line. Returns -1 if there is none.
function inDirection([dx, dy], from, count, xOf, yOf, accepts) {
  let best = -1, nearest = Infinity;
  for (let it = 0; it < count; it++) {
    if (it === from || !accepts(it)) continue;
    const x = xOf(it) - xOf(from), y = yOf(it) - yOf(from);
    const along = x * dx + y * dy;
    if (along <= 0) continue;
    const aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (aside > along) continue;
    const distance = along + 2 * aside;
    if (distance < nearest) [best, nearest] = [it, distance];
  }
  return best;
}
