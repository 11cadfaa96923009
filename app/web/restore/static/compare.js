/*
 * <din-compare>: compares pictures of one scene by a divider, side by side, or with a lens.
 *
 *   viewer.states = [{ label: "Before", src: "a.png", width: 512, height: 512 }, ...]     the last may have a `change`,
 *                                                                     a sentence for those who do not see it
 *   viewer.texts = { slider: "Slider", ... }                            see TEXTS in compare_look.js
 *   viewer.sweep(() => ...)                                             moves the divider by itself until it is used
 *   <din-compare plain>                                                 has no tools
 *
 * Implementation: all pictures are scaled to one "scene", and all panes share one view of it (compare_view.js).
 * Slider mode has one pane with two layers, the left one clipped at the divider; side by side has a pane with one layer
 * for each state. `#paint` turns the view into CSS variables of the stage, and the style sheet (compare_look.js) places
 * everything by them: no picture is copied or drawn by script.
 */
(() => {
  if (customElements.get("din-compare")) return;

  const { View, bestColumns, clamp, sceneOf } = window.dinCompareView;
  const { PAIR_S, splitAt, everyFrame } = window.dinSweep;
  const { TEXTS, MODES, SHORTCUTS, TEMPLATE, SHEET, icon, make, makeLayer, makeDivider } = window.dinCompareLook;

  const ZOOM_STEP = 1.5;
  const PIXELATED_FROM = 3;
  const SPLIT_STEP = 0.02;
  const FINGER_PX = 130; // distance of the lens above a finger, which would cover it
  const [TAP_PX, DOUBLE_TAP_PX, DOUBLE_TAP_MS] = [5, 24, 400];

  const KEYS = { "+": "zoom_in", "=": "zoom_in", "-": "zoom_out", _: "zoom_out", 0: "fit", 1: "actual_pixels",
    l: "lens", f: "full_screen" };
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const at = (event) => ({ x: event.clientX, y: event.clientY });
  const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
  const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const fill = (template, label) => template.replaceAll("{label}", label);

  const check = (states) => {
    const isState = (state) => typeof state?.src === "string" && state.width > 0 && state.height > 0;
    if (Array.isArray(states) && states.every(isState)) return;
    throw new TypeError("din-compare: states must be a list of {label, src, width > 0, height > 0}");
  };

  class DinCompare extends HTMLElement {
    #states = [];
    #layers = [];
    #texts = TEXTS;
    #mode = "slider";
    #left = 0;
    #right = 0;
    #split = 0.5;
    #lens = null; // point of the scene, and distance of the lens above it
    #isOverlay = false;
    #sweep = null; // seconds since its round began, and what to call when it ends
    #view = new View();
    #pointers = new Map();
    #gesture = null;
    #lastTap = null;
    #divider = makeDivider();
    #resized = new ResizeObserver(() => requestAnimationFrame(() => this.#layout()));

    constructor() {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [SHEET];
      this.shadowRoot.innerHTML = TEMPLATE;
      this.#listen();
      this.#showTexts();
    }

    connectedCallback() { this.#resized.observe(this.#stage); }
    disconnectedCallback() { this.#resized.disconnect(); }

    get states() { return this.#states; }
    set states(states) {
      check(states);
      this.#settle();
      if (states.length !== this.#states.length) [this.#left, this.#right] = [0, Math.max(0, states.length - 1)];
      if (states[0]?.src !== this.#states[0]?.src) this.#split = 0.5; // of another photo both are seen
      const [view, scene] = [this.#view, sceneOf(states)];
      if (scene.w !== view.scene.w || scene.h !== view.scene.h) {
        Object.assign(view, { scene, isFit: true });
        this.#lens &&= { x: scene.w / 2, y: scene.h / 2, above: 0 };
      }
      [this.#states, this.#layers] = [states, states.map(makeLayer)];
      this.#find(".viewer").hidden = !states.length;
      this.#showTexts();
      this.#arrange();
    }

    get texts() { return this.#texts; }
    set texts(value) {
      this.#texts = { ...TEXTS, ...value };
      this.#showTexts();
    }

    #find(selector) { return this.shadowRoot.querySelector(selector); }
    #all(selector) { return [...this.shadowRoot.querySelectorAll(selector)]; }
    #tool(name) { return this.#find(`[data-action=${name}]`); }
    get #stage() { return this.#find(".stage"); }
    get #isSlider() { return this.#mode === "slider" && this.#states.length > 1; }
    get #isFull() { return this.#isOverlay || this.matches(":fullscreen"); }

    // What is shown -------------------------------------------------------------------------------------------------

    #showTexts() {
      const texts = this.#texts;
      const names = { ".viewer": "viewer", ".stage": "viewer", ".toolbar": "toolbar", output: "zoom_level" };
      for (const [selector, key] of Object.entries(names)) this.#find(selector).ariaLabel = texts[key];
      this.#find("#hint").textContent = texts.hint;
      const { label = "", change } = this.#states.at(-1) ?? {};
      this.#find("#change").textContent = change ? `${label}: ${change}` : "";
      this.#divider.ariaLabel = texts.divider;
      for (const { img, error, label } of this.#layers) {
        img.alt = fill(texts.picture_alt, label);
        error.textContent = fill(texts.load_error, label);
      }
      for (const select of this.#all("select")) select.ariaLabel = texts[select.dataset.side];
      for (const mode of MODES) this.#tool(mode).replaceChildren(this.#tool(mode).firstChild, texts[mode]);
      for (const [name, key] of Object.entries(SHORTCUTS)) {
        const text = name === "full_screen" && this.#isFull ? texts.exit_full_screen : texts[name];
        Object.assign(this.#tool(name), { ariaLabel: text, ariaKeyShortcuts: key, title: `${text} (${key})` });
      }
    }

    /** Creates the controls and panes of the mode, each pane with the layers of its states. */
    #arrange() {
      const focused = this.shadowRoot.activeElement;
      this.#pointers.clear(); // the dragged elements are replaced
      for (const part of [".modes", "#hint"]) this.#find(part).hidden = this.#states.length < 2;
      this.#find(".picks").hidden = !this.#isSlider || this.#states.length < 3;
      for (const select of this.#all("select")) {
        select.replaceChildren(...this.#states.map(({ label }, i) => new Option(label, i)));
        select.value = select.dataset.side === "left" ? this.#left : this.#right;
      }
      const panes = this.#isSlider ? [[this.#left, this.#right]] : this.#states.map((_, i) => [i]);
      this.#stage.replaceChildren(...panes.map((places) => this.#makePane(places.map((i) => this.#layers[i]))));
      if (focused?.isConnected) focused.focus({ preventScroll: true });
      this.#announceSplit();
      this.#layout();
    }

    #makePane(layers) {
      layers.forEach(({ root }, i) => (root.className = `layer ${this.#isSlider ? ["left", "right"][i] : ""}`));
      const lenses = make("div", { className: "lenses" }, ...layers.map(({ lens }) => lens));
      const dividers = this.#isSlider ? [this.#divider] : [];
      return make("div", { className: "pane" }, ...layers.map(({ root }) => root), ...dividers, lenses);
    }

    /** Divides the space among the panes. */
    #layout() {
      const [{ style, children, offsetWidth: w, offsetHeight, classList }, { scene }] = [this.#stage, this.#view];
      if (!w || !children.length) return;
      classList.remove("gliding");
      const h = this.#isFull ? offsetHeight : parseFloat(getComputedStyle(this.#stage).maxHeight);
      const columns = bestColumns(children.length, scene, { w, h });
      const rows = Math.ceil(children.length / columns);
      style.setProperty("--columns", columns);
      style.setProperty("--ratio", (columns * scene.w) / (rows * scene.h));
      const pane = children[0].getBoundingClientRect();
      this.#view.resize({ w: pane.width, h: pane.height });
      this.#paint();
    }

    /** Writes the view into the CSS variables that place pictures, labels, divider and lenses. */
    #paint() {
      const { lengths, zoom, isFit, isPannable: pannable } = this.#view;
      this.#place(lengths);
      this.#placeSplit();
      const classes = { pannable, held: pannable || this.#lens !== null };
      classes.pixelated = zoom >= PIXELATED_FROM && !isFit; // a small picture that fills the pane is smooth
      for (const [name, isOn] of Object.entries(classes)) this.#stage.classList.toggle(name, isOn);
      this.#paintLens();
      this.#paintTools();
    }

    #placeSplit() {
      const { lengths: { left, right }, pane } = this.#view;
      this.#place({ split: left + this.#split * (pane.w - left - right) });
    }

    #place(lengths) {
      for (const [name, value] of Object.entries(lengths)) this.#stage.style.setProperty(`--${name}`, `${value}px`);
    }

    #paintLens() {
      for (const lenses of this.#all(".lenses")) lenses.hidden = !this.#lens;
      if (!this.#lens) return;
      this.#place(this.#view.lensLengths(this.#lens, this.#isSlider ? 2 : 1));
      for (const lens of this.#all(".lens")) lens.classList.toggle("pixelated", this.#view.lensZoom >= PIXELATED_FROM);
    }

    #paintTools() {
      const { zoom, isFit } = this.#view;
      const pressed = { fit: isFit, actual_pixels: Math.abs(zoom - 1) < 1e-6, lens: this.#lens !== null };
      for (const mode of MODES) pressed[mode] = this.#mode === mode;
      for (const [name, isOn] of Object.entries(pressed)) this.#tool(name).ariaPressed = isOn;
      const [output, level] = [this.#find("output"), `${Math.round(zoom * 100)}%`];
      if (output.textContent !== level) output.textContent = level; // a live region: announced only when it changes
    }

    #announceSplit() {
      const percent = Math.round(this.#split * 100);
      const ariaValueText = `${this.#states[this.#left]?.label ?? ""} ${percent}%`;
      Object.assign(this.#divider, { ariaValueNow: percent, ariaValueText });
    }

    // What can be done ----------------------------------------------------------------------------------------------

    #act(name) {
      const actions = {
        slider: () => this.#choose({ mode: "slider" }),
        side_by_side: () => this.#choose({ mode: "side_by_side" }),
        zoom_in: () => this.#step(ZOOM_STEP),
        zoom_out: () => this.#step(1 / ZOOM_STEP),
        fit: () => this.#glideTo(this.#view.fitZoom),
        actual_pixels: () => this.#glideTo(1),
        lens: () => this.#setLens(this.#lens ? null : { x: this.#view.x, y: this.#view.y, above: 0 }),
        full_screen: () => this.#toggleFull(),
      };
      actions[name]?.();
    }

    /** Moves the divider to and fro until the viewer is used; calls `onEnd` after each round. */
    sweep(onEnd) {
      const round = (this.#sweep = { seconds: 0, onEnd });
      this.toggleAttribute("sweeping", true);
      everyFrame(() => this.#sweep === round && this.isConnected, (seconds) => this.#advance(round, seconds));
    }

    #advance(round, seconds) {
      if (!this.#stage.offsetWidth) return; // in a tab of the page that is not shown
      round.seconds += seconds;
      this.#split = splitAt(Math.min(round.seconds, PAIR_S));
      this.#placeSplit();
      if (round.seconds < PAIR_S) return;
      round.seconds = 0;
      round.onEnd();
    }

    /** Ends the sweep where it is. */
    #settle() {
      if (!this.#sweep) return;
      this.#sweep = null;
      this.removeAttribute("sweeping");
      this.#announceSplit();
    }

    /** Sets mode and sides; choosing the same state for both sides swaps them. */
    #choose({ mode = this.#mode, left = this.#left, right = this.#right }) {
      if (left === right) [left, right] = [this.#right, this.#left];
      [this.#mode, this.#left, this.#right] = [mode, left, right];
      this.#arrange();
    }

    /** Zooms by a factor, but stops at 1:1. */
    #step(factor) {
      const [zoom, next] = [this.#view.zoom, this.#view.zoom * factor];
      this.#glideTo((zoom - 1) * (next - 1) < -1e-9 ? 1 : next);
    }

    #glideTo(zoom, anchor) { this.#stage.classList.add("gliding"); this.#zoomTo(zoom, anchor); }
    #zoomTo(zoom, anchor) { this.#view.zoomTo(zoom, anchor); this.#paint(); }
    #panBy(dx, dy) { this.#view.panBy(dx, dy); this.#paint(); }
    #splitAt(share) { this.#split = clamp(share, 0, 1); this.#announceSplit(); this.#paint(); }

    #setLens(lens) {
      const { w, h } = this.#view.scene;
      this.#lens = lens && { ...lens, x: clamp(lens.x, 0, w), y: clamp(lens.y, 0, h) };
      this.#paint();
    }

    /** Toggles full screen, or an overlay over the page if the browser does not support or refuses it, as on phones. */
    async #toggleFull() {
      const wasFull = this.#isFull;
      this.#isOverlay = false;
      if (this.matches(":fullscreen")) await document.exitFullscreen();
      else if (!wasFull) await this.requestFullscreen?.().catch(() => {});
      this.#isOverlay = !wasFull && !this.matches(":fullscreen");
      this.#showFull();
    }

    #showFull() {
      this.#find(".viewer").classList.toggle("full", this.#isFull);
      this.#tool("full_screen").innerHTML = icon(this.#isFull ? "exit_full_screen" : "full_screen");
      this.#showTexts();
      this.#layout();
    }

    // Pointers and keys ---------------------------------------------------------------------------------------------

    #listen() {
      const [root, stage] = [this.shadowRoot, this.#stage];
      const on = (type, act) => stage.addEventListener(type, act, { passive: false });
      for (const use of ["pointerdown", "focusin", "keydown"]) {
        root.addEventListener(use, () => this.#settle(), { capture: true });
      }
      on("pointerdown", (event) => this.#press(event));
      on("pointermove", (event) => this.#move(event));
      for (const end of ["pointerup", "pointercancel"]) on(end, (event) => this.#release(event));
      on("wheel", (event) => this.#wheel(event));
      on("touchmove", (event) => event.touches.length > 1 && event.cancelable && event.preventDefault());
      root.addEventListener("keydown", (event) => this.#key(event));
      root.addEventListener("click", ({ target }) => this.#act(target.closest("button")?.dataset.action));
      root.addEventListener("change", ({ target }) => this.#choose({ [target.dataset.side]: Number(target.value) }));
      this.addEventListener("fullscreenchange", () => this.#showFull());
    }

    /** Converts window coordinates to those of the pane that contains the point. */
    #local({ x, y }) {
      const boxes = this.#all(".pane").map((pane) => pane.getBoundingClientRect());
      const box = boxes.find((box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom) ?? boxes[0];
      return { x: x - box.left, y: y - box.top };
    }

    #press(event) {
      if (event.button !== 0) return;
      if (event.isPrimary) this.#pointers.clear();
      this.#stage.classList.remove("gliding");
      event.target.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, at(event));
      const isDivider = this.#divider.contains(event.target);
      const kind = this.#pointers.size > 1 ? "pinch" : this.#dragKind(event, isDivider);
      const { left, width } = this.#divider.getBoundingClientRect();
      const grip = isDivider ? event.clientX - left - width / 2 : 0; // keeps the divider from jumping to the pointer
      this.#gesture = { kind, grip, isDivider, start: at(event), split: this.#split, isMoved: kind === "pinch" };
      this.#followLens(event);
    }

    #dragKind({ pointerType }, isDivider) {
      if (isDivider) return "divider";
      if (this.#lens && pointerType !== "mouse") return "lens";
      return this.#isSlider && !this.#view.isPannable ? "divider" : "pan";
    }

    #followLens(event) {
      const isMouse = event.pointerType === "mouse";
      if (!this.#lens || !(isMouse || (this.#gesture?.kind === "lens" && this.#pointers.has(event.pointerId)))) return;
      this.#setLens({ ...this.#view.toScene(this.#local(at(event))), above: isMouse ? 0 : FINGER_PX });
    }

    #move(event) {
      const [now, last, gesture] = [at(event), this.#pointers.get(event.pointerId), this.#gesture];
      if (last) gesture.isMoved ||= this.#isDrag(gesture, now);
      if (last && gesture.isMoved) this.#drag(event.pointerId, last, now);
      this.#followLens(event);
    }

    /** Whether it is no tap any more; up and down a finger scrolls the page, and does not move the divider. */
    #isDrag({ kind, start }, now) {
      const isSideways = Math.abs(now.x - start.x) >= Math.abs(now.y - start.y);
      return distance(start, now) > TAP_PX && (kind !== "divider" || isSideways);
    }

    #drag(id, last, now) {
      const { kind, grip } = this.#gesture;
      const before = [...this.#pointers.values()];
      this.#pointers.set(id, now);
      if (kind === "pinch") this.#pinch(before, [...this.#pointers.values()]);
      if (kind === "pan") this.#panBy(now.x - last.x, now.y - last.y);
      if (kind === "divider") {
        const [{ left, right }, { w }] = [this.#view.lengths, this.#view.pane];
        this.#splitAt((this.#local(now).x - grip - left) / (w - left - right));
      }
    }

    #pinch([a, b], [c, d]) {
      const [from, to] = [middle(a, b), middle(c, d)];
      this.#panBy(to.x - from.x, to.y - from.y);
      this.#zoomTo((this.#view.zoom * distance(c, d)) / Math.max(distance(a, b), 1), this.#local(to));
    }

    #release(event) {
      const gesture = this.#gesture;
      if (!this.#pointers.delete(event.pointerId)) return;
      if (event.type === "pointerup" && !gesture.isMoved && !gesture.isDivider) this.#tap(event);
      if (event.type === "pointercancel" && gesture.kind === "divider") this.#splitAt(gesture.split); // it scrolls
      if (gesture.kind === "pinch" && this.#pointers.size === 1) gesture.kind = "pan"; // with the remaining finger
    }

    /** Toggles between fit and 1:1 at the second of two taps. */
    #tap(event) {
      const [point, time, last] = [at(event), event.timeStamp, this.#lastTap];
      const isDouble = last && time - last.time < DOUBLE_TAP_MS && distance(last.point, point) < DOUBLE_TAP_PX;
      this.#lastTap = isDouble ? null : { point, time };
      if (isDouble) this.#glideTo(this.#view.isFit ? 1 : this.#view.fitZoom, this.#local(point));
    }

    /** Zooms by the wheel with Ctrl, in full screen, or if the viewer has the focus; otherwise the page scrolls. */
    #wheel(event) {
      if (!event.ctrlKey && !this.#isFull && !this.shadowRoot.activeElement) return;
      event.preventDefault();
      this.#stage.classList.remove("gliding");
      const unit = (event.deltaMode === 1 ? 0.05 : 0.0025) * (event.ctrlKey ? 4 : 1); // a pinch sends small steps
      this.#zoomTo(this.#view.zoom * 2 ** clamp(-event.deltaY * unit, -0.5, 0.5), this.#local(at(event)));
    }

    #key(event) {
      const { key, target, shiftKey } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select")) return;
      const action = key === "Escape" && this.#isFull ? "full_screen" : KEYS[key.toLowerCase()];
      const [dx, dy] = ARROWS[key] ?? [0, 0];
      const split = { Home: -1, End: 1 }[key] ?? (dx - dy) * SPLIT_STEP;
      const isDivider = target === this.#divider;
      if (action) this.#act(action);
      else if (key in ARROWS && shiftKey) this.#panBy(-dx * 0.1 * this.#view.pane.w, -dy * 0.1 * this.#view.pane.h);
      else if (target.matches("button") && dx) this.#focusTool(target, dx);
      else if (target.matches("button")) return;
      else if (key in ARROWS && this.#lens && !isDivider) this.#nudgeLens(dx, dy);
      else if (split && this.#isSlider && (isDivider || !dy)) this.#splitAt(this.#split + split);
      else return;
      event.preventDefault();
    }

    #nudgeLens(dx, dy) {
      const { x, y } = this.#view.toPane(this.#lens);
      const step = SPLIT_STEP * this.#view.pane.w;
      this.#setLens({ ...this.#view.toScene({ x: x + dx * step, y: y + dy * step }), above: 0 });
    }

    #focusTool(from, step) {
      const tools = this.#all("button, select").filter(({ offsetWidth }) => offsetWidth);
      tools[tools.indexOf(from) + step]?.focus();
    }
  }

  customElements.define("din-compare", DinCompare);
})();
