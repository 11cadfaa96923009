/*
 * The geometry of <din-compare>, without DOM: the part of a scene that a pane shows.
 *
 * The scene is measured in pixels of its picture, a pane in CSS pixels. A view is the zoom and the point of the scene
 * at the centre of the pane. Zoom is in device pixels per pixel of the scene, so 1 is "1:1" on any screen.
 */
window.dinCompareView = (() => {
  const MAX_ZOOM = 32;
  const LENS = { size: 180, gap: 8, border: 3, room: 24 }; // CSS pixels; room is the margin in a small pane

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const snap = (value) => Math.round(value * devicePixelRatio) / devicePixelRatio;

  /** Limits the centre along an axis: no empty border unless the whole scene is visible. */
  const hold = (centre, length, seen) => (seen >= length ? length / 2 : clamp(centre, seen / 2, length - seen / 2));

  /** Returns the size of the largest picture, whose pixels define 1:1. */
  const sceneOf = (states) => {
    const sizes = states.map(({ width, height }) => ({ w: width, h: height }));
    return sizes.reduce((a, b) => (b.w * b.h > a.w * a.h ? b : a), { w: 1, h: 1 });
  };

  /** Returns the number of columns that shows `count` scenes largest in a space. */
  const bestColumns = (count, scene, room) => {
    const size = (columns) => Math.min(room.w / columns / scene.w, room.h / Math.ceil(count / columns) / scene.h);
    return Array.from({ length: count }, (_, i) => i + 1).reduce((a, b) => (size(b) >= size(a) ? b : a));
  };

  class View {
    scene = { w: 1, h: 1 };
    pane = { w: 0, h: 0 };
    zoom = 1;
    x = 0;
    y = 0;
    isFit = true;

    get scale() { return this.zoom / devicePixelRatio; }
    get isPannable() { return this.lengths.w > this.pane.w + 1 || this.lengths.h > this.pane.h + 1; }
    get fitZoom() {
      const scale = Math.min(this.pane.w / this.scene.w, this.pane.h / this.scene.h);
      return Math.min(scale * devicePixelRatio, MAX_ZOOM);
    }

    /** Sets the size of the pane: a fitted view stays fitted, any other keeps its zoom and centre. */
    resize(pane) {
      this.pane = pane;
      if (this.isFit) this.zoom = this.fitZoom;
      this.#hold();
    }

    /** Zooms about `anchor`, a point of the pane, as far as the borders allow. */
    zoomTo(zoom, anchor = { x: this.pane.w / 2, y: this.pane.h / 2 }) {
      const [fit, fixed] = [this.fitZoom, this.toScene(anchor)];
      this.zoom = clamp(zoom, Math.min(fit, 1), MAX_ZOOM);
      this.isFit = Math.abs(this.zoom / fit - 1) < 1e-3;
      const moved = this.toPane(fixed);
      this.panBy(anchor.x - moved.x, anchor.y - moved.y);
    }

    panBy(dx, dy) {
      this.x -= dx / this.scale;
      this.y -= dy / this.scale;
      this.#hold();
    }

    toScene({ x, y }) {
      return { x: this.x + (x - this.pane.w / 2) / this.scale, y: this.y + (y - this.pane.h / 2) / this.scale };
    }

    toPane({ x, y }) {
      return { x: this.pane.w / 2 + (x - this.x) * this.scale, y: this.pane.h / 2 + (y - this.y) * this.scale };
    }

    /** The rectangle of the scene in the pane, in whole device pixels, and the empty borders around it. */
    get lengths() {
      const [{ w: paneW, h: paneH }, w, h] = [this.pane, this.scene.w * this.scale, this.scene.h * this.scale];
      const [x, y] = [snap(paneW / 2 - this.x * this.scale), snap(paneH / 2 - this.y * this.scale)];
      const [left, top] = [Math.max(0, x), Math.max(0, y)];
      return { x, y, w, h, left, top, right: Math.max(0, paneW - x - w), bottom: Math.max(0, paneH - y - h) };
    }

    /** The zoom of the lens: 1:1, or twice that of the pane if the pane shows 1:1 or more. */
    get lensZoom() { return this.zoom < 1 ? 1 : 2 * this.zoom; }

    /** The positions of `count` adjacent lenses, `above` a point of the scene, and of the scene in them. */
    lensLengths({ x, y, above }, count) {
      const [{ w, h }, point, scale] = [this.pane, this.toPane({ x, y }), this.lensZoom / devicePixelRatio];
      const size = Math.floor(Math.min(LENS.size, (w - LENS.room) / count, h - LENS.room));
      const [width, inner] = [count * size + (count - 1) * LENS.gap, size / 2 - LENS.border];
      return {
        lens: size,
        "lens-x": snap(clamp(point.x - width / 2, 4, Math.max(4, w - width - 4))),
        "lens-y": snap(clamp(point.y - above - size / 2, 4, Math.max(4, h - size - 4))),
        "lens-left": snap(inner - x * scale),
        "lens-top": snap(inner - y * scale),
        "lens-w": this.scene.w * scale,
        "lens-h": this.scene.h * scale,
      };
    }

    #hold() {
      this.x = hold(this.x, this.scene.w, this.pane.w / this.scale);
      this.y = hold(this.y, this.scene.h, this.pane.h / this.scale);
    }
  }

  return Object.freeze({ LENS, View, bestColumns, clamp, sceneOf });
})();
