/*
 * <din-compare>: pictures of one scene, compared by a divider, side by side, or under a lens.
 *
 *   <din-compare states='[{"label": "Before", "src": "a.png", "width": 512, "height": 512}, ...]'
 *                texts='{"slider": "Slider", ...}'></din-compare>
 *
 * The attributes and properties `states` and `texts` take JSON or objects. What visitors choose comes as the event
 * `change` with detail {left, right, mode}: two places in `states`, and "slider" or "side_by_side".
 *
 * How it is made. The "scene" is the largest picture's size; every picture is stretched over it. One "view" (the zoom,
 * and the point of the scene in the middle) is shared by all panes: slider mode has one pane with two layers, the left
 * one clipped at the divider; side by side has a pane with one layer for each state. `#paint` turns the view into CSS
 * variables of the stage, and the style sheet places everything by them: no picture is copied or drawn by script.
 * Zoom counts the screen's pixels per pixel of the scene, so 1 is "1:1" on any screen.
 */
(() => {
  if (customElements.get("din-compare")) return;

  const TEXTS = {
    viewer: "Picture comparison", toolbar: "Comparison tools", slider: "Slider", side_by_side: "Side by side",
    zoom_in: "Zoom in", zoom_out: "Zoom out", zoom_level: "Zoom level", fit: "Fit", actual_pixels: "Actual pixels",
    lens: "Lens", full_screen: "Full screen", exit_full_screen: "Leave full screen",
    left: "Left picture", right: "Right picture", divider: "Divider between the pictures",
    hint: "Drag to compare, double-click for actual pixels. Pinch, or turn the wheel after a click, to zoom.",
    picture_alt: "{label}", load_error: "The picture “{label}” could not be loaded.",
  };

  const MODES = ["slider", "side_by_side"];
  const MAX_ZOOM = 32;
  const ZOOM_STEP = 1.5;
  const PIXELATED_FROM = 3;
  const SPLIT_STEP = 0.02;
  const [LENS_PX, LENS_GAP_PX, LENS_BORDER_PX] = [180, 8, 3];
  const FINGER_PX = 130; // a lens under a finger could not be seen: it floats this far above
  const [TAP_PX, DOUBLE_TAP_PX, DOUBLE_TAP_MS] = [5, 24, 400];

  const KEYS = { "+": "zoom_in", "=": "zoom_in", "-": "zoom_out", _: "zoom_out", 0: "fit", 1: "actual_pixels",
    l: "lens", f: "full_screen" };
  const SHORTCUTS = { zoom_in: "+", zoom_out: "-", fit: "0", actual_pixels: "1", lens: "L", full_screen: "F" };
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const ICONS = {
    slider: "M12 3v18M8 8.5 4.5 12 8 15.5M16 8.5l3.5 3.5-3.5 3.5",
    side_by_side: "M5 5h4.5v14H5zM14.5 5H19v14h-4.5z",
    zoom_in: "M5.5 12h13M12 5.5v13",
    zoom_out: "M5.5 12h13",
    fit: "M4 8.5V5h3.5M16.5 5H20v3.5M20 15.5V19h-3.5M7.5 19H4v-3.5M8.5 9h7v6h-7z",
    lens: "M4.5 10.5a6 6 0 1 0 12 0 6 6 0 1 0-12 0M15 15l5 5",
    full_screen: "M14 4.5h5.5V10M19.5 4.5l-6 6M10 19.5H4.5V14M4.5 19.5l6-6",
    exit_full_screen: "M19 10.5h-5.5V5M13.5 10.5l6-6M5 13.5h5.5V19M10.5 13.5l-6 6",
    handle: "M8.5 7.5 4 12l4.5 4.5M15.5 7.5 20 12l-4.5 4.5",
  };
  const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
  const tool = (name) => `<button type="button" data-action="${name}">${ICONS[name] ? icon(name) : "1:1"}</button>`;

  const TEMPLATE = `
    <div class="viewer" role="group" tabindex="-1" hidden>
      <div class="stage" role="group" tabindex="0" aria-describedby="hint"></div>
      <div class="toolbar" role="toolbar">
        <div class="modes">${MODES.map(tool).join("")}</div>
        <div class="picks"><select data-side="left"></select><select data-side="right"></select></div>
        <div class="zoom">${tool("zoom_out")}<output></output>${tool("zoom_in")}</div>
        <div>${["fit", "actual_pixels", "lens", "full_screen"].map(tool).join("")}</div>
      </div>
      <p id="hint"></p>
    </div>`;

  const CHECKERS = "repeating-conic-gradient(#c4c8cf 0 25%, #eceef1 0 50%) 0 0 / 20px 20px";
  const STYLES = `
    :host { display: block; --text: var(--body-text-color, light-dark(#1d2330, #eef0f4)); --surface:
      var(--background-fill-primary, light-dark(#fff, #14161c)); --line: var(--border-color-primary, light-dark(#e2e5ea,
      #30343e)); --accent: var(--color-accent, light-dark(#3458d4, #8aa6ff)); --calm: color-mix(in srgb, var(--text) 6%,
      var(--surface)); }
    :host([hidden]), [hidden] { display: none !important; } * { box-sizing: border-box; }
    .viewer { display: flex; flex-direction: column; overflow: hidden; container-type: inline-size; color: var(--text);
      background: var(--surface); border: 1px solid var(--line); border-radius: var(--block-radius, 16px); font: 400
      14px/1.4 var(--font, ui-sans-serif, system-ui, sans-serif); outline: none; }
    .viewer.full { position: fixed; inset: 0; z-index: 2147483647; border: 0; border-radius: 0; }
    .stage { position: relative; display: grid; grid-template-columns: repeat(var(--columns, 1), minmax(0, 1fr));
      grid-auto-rows: minmax(0, 1fr); gap: 2px; width: 100%; aspect-ratio: var(--ratio); min-height: 200px; max-height:
      min(75svh, 760px); overflow: hidden; outline: none; direction: ltr; touch-action: pan-y; user-select: none;
      -webkit-user-select: none; -webkit-touch-callout: none; }
    .full .stage { flex: 1; aspect-ratio: auto; max-height: none; min-height: 0; }
    .stage.held, .full .stage { touch-action: none; overscroll-behavior: contain; } .stage.pannable { cursor: grab; }
    .stage.pannable:active { cursor: grabbing; }
    .stage:focus-visible::after { content: ""; position: absolute; inset: 0; z-index: 4; pointer-events: none; border:
      3px solid var(--accent); box-shadow: inset 0 0 0 2px #fff; }
    .pane { position: relative; overflow: hidden; background: var(--calm); } .layer { position: absolute; inset: 0; }
    .layer.left { z-index: 1; clip-path: inset(0 calc(100% - var(--split)) 0 0); }
    .sheet { position: absolute; left: 0; top: 0; width: var(--w); height: var(--h); transform: translate(var(--x),
      var(--y)); background: var(--calm); }
    [data-picture=loaded] .sheet { background: ${CHECKERS}; }
    .sheet img { display: block; width: 100%; height: 100%; -webkit-user-drag: none; }
    .pixelated img, .lens.pixelated { image-rendering: pixelated; } [data-picture=failed] img { visibility: hidden; }
    .error { display: none; position: absolute; inset: 0; margin: 0; padding: 16px; place-content: center; text-align:
      center; text-wrap: balance; overflow-wrap: anywhere; }
    [data-picture=failed] .error { display: grid; } .left .error { right: auto; width: var(--split); }
    .right .error { left: var(--split); }
    .label { position: absolute; top: calc(var(--top) + 12px); left: calc(var(--left) + 12px); padding: 5px 11px;
      max-width: calc(100% - 24px); border-radius: 999px; color: #fff; background: rgb(16 18 24 / .72); backdrop-filter:
      blur(6px); font-size: 13px; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
      pointer-events: none; }
    .left .label, .right .label { max-width: calc((100% - var(--left) - var(--right)) / 2 - 20px); }
    .right .label { left: auto; right: calc(var(--right) + 12px); }
    .divider { position: absolute; z-index: 2; top: var(--top); bottom: var(--bottom); left: var(--split); width: 48px;
      margin-left: -24px; cursor: ew-resize; outline: none; touch-action: inherit; }
    .divider::before { content: ""; position: absolute; inset: 0 auto; left: 23px; width: 2px; background: #fff;
      box-shadow: 0 0 0 1px rgb(0 0 0 / .18), 0 0 12px rgb(0 0 0 / .3); }
    .handle { position: absolute; left: 2px; top: calc(50% - 22px); width: 44px; height: 44px; padding: 11px;
      border-radius: 50%; color: #1d2330; background: #fff; box-shadow: 0 2px 10px rgb(0 0 0 / .35); transition:
      transform .15s ease; }
    .divider:active .handle { transform: scale(.9); }
    .divider:focus-visible .handle { box-shadow: 0 0 0 3px var(--accent), 0 0 0 6px #fff, 0 0 0 7px rgb(0 0 0 / .4); }
    .gliding :is(.layer, .sheet, .label, .divider) { transition: .16s ease-out; }
    .lenses { position: absolute; z-index: 3; left: var(--lens-x); top: var(--lens-y); display: flex; gap:
      ${LENS_GAP_PX}px; pointer-events: none; }
    .lens { width: var(--lens); height: var(--lens); border-radius: 50%; border: ${LENS_BORDER_PX}px solid #fff;
      background: var(--src) var(--lens-left) var(--lens-top) / var(--lens-w) var(--lens-h) no-repeat, ${CHECKERS};
      box-shadow: 0 0 0 1px rgb(0 0 0 / .25), 0 10px 30px rgb(0 0 0 / .4); }
    .toolbar { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; padding: 10px 12px 0; }
    .toolbar > div { display: flex; align-items: center; gap: 2px; padding: 3px; border-radius: 14px; background:
      var(--calm); }
    .toolbar > .picks { gap: 6px; padding: 0; background: none; min-width: 0; }
    button, select { height: 40px; min-width: 40px; margin: 0; border: 0; border-radius: 11px; font: inherit;
      font-weight: 500; color: inherit; background: transparent; cursor: pointer; transition: background .15s ease; }
    button { display: inline-flex; align-items: center; justify-content: center; gap: 7px; padding: 0 9px; }
    .modes button { padding: 0 14px 0 10px; }
    button[aria-pressed=true] { background: color-mix(in srgb, var(--accent) 15%, var(--surface)); box-shadow: inset 0 0
      0 1.5px color-mix(in srgb, var(--accent) 75%, var(--text)); }
    select { appearance: none; flex: 1 1 auto; padding: 0 32px 0 14px; min-width: 0; max-width: 180px; text-overflow:
      ellipsis; border: 1px solid var(--line); background: linear-gradient(-45deg, #0000 50%, currentColor 0) calc(100%
      - 14px) 55% / 5px 5px no-repeat, linear-gradient(45deg, #0000 50%, currentColor 0) calc(100% - 19px) 55% / 5px 5px
      no-repeat, var(--surface); }
    option { color: var(--text); background: var(--surface); }
    button:focus-visible, select:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    svg { width: 22px; height: 22px; display: block; fill: none; stroke: currentColor; stroke-width: 1.8;
      stroke-linecap: round; stroke-linejoin: round; }
    output { min-width: 52px; text-align: center; font-variant-numeric: tabular-nums; }
    #hint { margin: 0; padding: 8px 16px 12px; font-size: 13px; color: color-mix(in srgb, var(--text) 78%,
      var(--surface)); }
    .full #hint { display: none; }
    .full .toolbar { justify-content: center; padding-bottom: max(10px, env(safe-area-inset-bottom)); }
    .toolbar:not(.full *) > .zoom { margin-inline-start: auto; }
    @container (max-width: 560px) { .toolbar > div { flex: 1 1 auto; justify-content: space-between; } .modes button,
      select { flex: 1; max-width: none; } .toolbar { gap: 8px; padding-inline: 8px; } }
    @media (hover: hover) { button:not([aria-pressed=true]):hover { background: color-mix(in srgb, var(--text) 8%,
      transparent); } }
    @media (forced-colors: active) { button[aria-pressed=true] { outline: 2px solid Highlight; } }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }`;

  const SHEET = new CSSStyleSheet();
  SHEET.replaceSync(STYLES);

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const at = (event) => ({ x: event.clientX, y: event.clientY });
  const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
  const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const fill = (template, label) => template.replaceAll("{label}", label);
  const parse = (value) => (typeof value === "string" ? JSON.parse(value) : value);
  const make = (tag, properties, ...children) => {
    const element = document.createElement(tag);
    element.append(...children);
    return Object.assign(element, properties);
  };

  /** Where one axis may be centred: no empty border while the scene is longer than what is seen of it. */
  const hold = (centre, length, seen) => (seen >= length ? length / 2 : clamp(centre, seen / 2, length - seen / 2));

  /** How many columns show `count` scenes largest in a room. */
  const bestColumns = (count, scene, room) => {
    const size = (columns) => Math.min(room.w / columns / scene.w, room.h / Math.ceil(count / columns) / scene.h);
    return Array.from({ length: count }, (_, i) => i + 1).reduce((a, b) => (size(b) >= size(a) ? b : a));
  };

  const readStates = (value) => {
    const states = parse(value) ?? [];
    const isState = (state) => typeof state?.src === "string" && state.width > 0 && state.height > 0;
    if (Array.isArray(states) && states.every(isState)) return states;
    throw new TypeError("din-compare: states must be a list of {label, src, width > 0, height > 0}");
  };

  const sceneOf = (states) => {
    const sizes = states.map(({ width, height }) => ({ w: width, h: height }));
    return sizes.reduce((a, b) => (b.w * b.h > a.w * a.h ? b : a), { w: 1, h: 1 });
  };

  /** One state's picture, with its label, a lens, and the sentence shown when it cannot be loaded. */
  const makeLayer = ({ label, src }) => {
    const img = make("img", { draggable: false, decoding: "async" });
    const name = make("div", { className: "label", textContent: label });
    const error = make("p", { className: "error" });
    const root = make("div", {}, make("div", { className: "sheet" }, img), error, name);
    img.onload = () => (root.dataset.picture = "loaded");
    img.onerror = () => (root.dataset.picture = "failed");
    img.src = src;
    const lens = make("div", { className: "lens" });
    lens.style.setProperty("--src", `url(${JSON.stringify(img.src)})`);
    return { root, img, error, lens, label };
  };

  const makeDivider = () => {
    const divider = make("div", { className: "divider", tabIndex: 0, role: "slider" });
    Object.assign(divider, { ariaOrientation: "horizontal", ariaValueMin: 0, ariaValueMax: 100 });
    divider.innerHTML = `<div class="handle">${icon("handle")}</div>`;
    return divider;
  };

  class DinCompare extends HTMLElement {
    static observedAttributes = ["states", "texts"];

    #states = [];
    #layers = [];
    #texts = TEXTS;
    #mode = "slider";
    #left = 0;
    #right = 0;
    #split = 0.5;
    #lens = null; // the scene's point under it, and how far above it floats
    #isOverlay = false;
    #scene = { w: 1, h: 1 };
    #pane = { w: 0, h: 0 };
    #view = { zoom: 1, x: 0, y: 0, isFit: true };
    #seen = { left: 0, right: 0 }; // the empty borders beside the picture
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

    connectedCallback() {
      this.#resized.observe(this.#stage);
      for (const name of DinCompare.observedAttributes.filter((name) => Object.hasOwn(this, name))) {
        const value = this[name]; // set before this script came
        delete this[name];
        this[name] = value;
      }
    }
    disconnectedCallback() { this.#resized.disconnect(); }
    attributeChangedCallback(name, _, value) { this[name] = value; }

    get states() { return this.#states; }
    set states(value) {
      const states = readStates(value);
      if (states.length !== this.#states.length) [this.#left, this.#right] = [0, Math.max(0, states.length - 1)];
      const scene = sceneOf(states);
      if (scene.w !== this.#scene.w || scene.h !== this.#scene.h) {
        this.#scene = scene;
        this.#view.isFit = true;
        this.#lens &&= { x: scene.w / 2, y: scene.h / 2, above: 0 };
      }
      [this.#states, this.#layers] = [states, states.map(makeLayer)];
      this.#find(".viewer").hidden = !states.length;
      this.#showTexts();
      this.#arrange();
    }

    get texts() { return this.#texts; }
    set texts(value) {
      this.#texts = { ...TEXTS, ...parse(value) };
      this.#showTexts();
    }

    #find(selector) { return this.shadowRoot.querySelector(selector); }
    #all(selector) { return [...this.shadowRoot.querySelectorAll(selector)]; }
    #tool(name) { return this.#find(`[data-action=${name}]`); }
    get #stage() { return this.#find(".stage"); }
    get #isSlider() { return this.#mode === "slider" && this.#states.length > 1; }
    get #isFull() { return this.#isOverlay || this.matches(":fullscreen"); }
    get #isPannable() { return this.#stage.classList.contains("pannable"); }
    get #scale() { return this.#view.zoom / devicePixelRatio; }
    get #fitZoom() {
      const scale = Math.min(this.#pane.w / this.#scene.w, this.#pane.h / this.#scene.h);
      return Math.min(scale * devicePixelRatio, MAX_ZOOM);
    }

    // What is shown -------------------------------------------------------------------------------------------------

    #showTexts() {
      const texts = this.#texts;
      const names = { ".viewer": "viewer", ".stage": "viewer", ".toolbar": "toolbar", output: "zoom_level" };
      for (const [selector, key] of Object.entries(names)) this.#find(selector).ariaLabel = texts[key];
      this.#find("#hint").textContent = texts.hint;
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

    /** The tools and panes of the mode, each pane with the layers of its states. */
    #arrange() {
      const focused = this.shadowRoot.activeElement;
      this.#find(".modes").hidden = this.#states.length < 2;
      this.#find(".picks").hidden = !this.#isSlider || this.#states.length < 3;
      for (const select of this.#all("select")) {
        select.replaceChildren(...this.#states.map(({ label }, i) => new Option(label, i)));
        select.value = select.dataset.side === "left" ? this.#left : this.#right;
      }
      const panes = this.#isSlider ? [[this.#left, this.#right]] : this.#states.map((_, i) => [i]);
      this.#stage.replaceChildren(...panes.map((places) => this.#makePane(places.map((i) => this.#layers[i]))));
      if (focused?.isConnected) focused.focus({ preventScroll: true });
      this.#layout();
    }

    #makePane(layers) {
      layers.forEach(({ root }, i) => (root.className = `layer ${this.#isSlider ? ["left", "right"][i] : ""}`));
      const lenses = make("div", { className: "lenses" }, ...layers.map(({ lens }) => lens));
      const dividers = this.#isSlider ? [this.#divider] : [];
      return make("div", { className: "pane" }, ...layers.map(({ root }) => root), ...dividers, lenses);
    }

    /** Shares the room among the panes, then fits or holds the view in them. */
    #layout() {
      const { style, children, offsetWidth: w, offsetHeight, classList } = this.#stage;
      if (!w || !children.length) return;
      classList.remove("gliding");
      const h = this.#isFull ? offsetHeight : parseFloat(getComputedStyle(this.#stage).maxHeight);
      const columns = bestColumns(children.length, this.#scene, { w, h });
      const rows = Math.ceil(children.length / columns);
      style.setProperty("--columns", columns);
      style.setProperty("--ratio", (columns * this.#scene.w) / (rows * this.#scene.h));
      const pane = children[0].getBoundingClientRect();
      this.#pane = { w: pane.width, h: pane.height };
      if (this.#view.isFit) this.#view.zoom = this.#fitZoom;
      this.#paint();
    }

    /** Writes the view into the CSS variables that place pictures, labels, divider and lenses. */
    #paint() {
      const [view, scale, scene, pane] = [this.#view, this.#scale, this.#scene, this.#pane];
      const snap = (value) => Math.round(value * devicePixelRatio) / devicePixelRatio;
      view.x = hold(view.x, scene.w, pane.w / scale);
      view.y = hold(view.y, scene.h, pane.h / scale);
      const [w, h] = [scene.w * scale, scene.h * scale];
      const [x, y] = [snap(pane.w / 2 - view.x * scale), snap(pane.h / 2 - view.y * scale)];
      const [left, top] = [Math.max(0, x), Math.max(0, y)];
      const [right, bottom] = [Math.max(0, pane.w - x - w), Math.max(0, pane.h - y - h)];
      this.#seen = { left, right };
      this.#place({ x, y, w, h, left, top, right, bottom, split: left + this.#split * (pane.w - left - right) });
      const pannable = w > pane.w + 1 || h > pane.h + 1;
      const classes = { pannable, held: pannable || this.#lens !== null, pixelated: view.zoom >= PIXELATED_FROM };
      for (const [name, isOn] of Object.entries(classes)) this.#stage.classList.toggle(name, isOn);
      this.#paintLens();
      this.#paintTools();
    }

    #place(lengths) {
      for (const [name, value] of Object.entries(lengths)) this.#stage.style.setProperty(`--${name}`, `${value}px`);
    }

    /** The lens shows 1:1, or twice what is seen already where that is more. */
    #paintLens() {
      for (const lenses of this.#all(".lenses")) lenses.hidden = !this.#lens;
      if (!this.#lens) return;
      const [{ x, y, above }, pane, scene, count] = [this.#lens, this.#pane, this.#scene, this.#isSlider ? 2 : 1];
      const size = Math.min(LENS_PX, (pane.w - 24) / count, pane.h - 24);
      const [width, inner] = [count * size + (count - 1) * LENS_GAP_PX, size / 2 - LENS_BORDER_PX];
      const zoom = this.#view.zoom < 1 ? 1 : 2 * this.#view.zoom;
      const scale = zoom / devicePixelRatio;
      const point = this.#toPane(this.#lens);
      this.#place({
        lens: size,
        "lens-x": clamp(point.x - width / 2, 4, Math.max(4, pane.w - width - 4)),
        "lens-y": clamp(point.y - above - size / 2, 4, Math.max(4, pane.h - size - 4)),
        "lens-left": Math.round(inner - x * scale),
        "lens-top": Math.round(inner - y * scale),
        "lens-w": scene.w * scale,
        "lens-h": scene.h * scale,
      });
      for (const lens of this.#all(".lens")) lens.classList.toggle("pixelated", zoom >= PIXELATED_FROM);
    }

    #paintTools() {
      const { zoom, isFit } = this.#view;
      const pressed = { fit: isFit, actual_pixels: Math.abs(zoom - 1) < 1e-6, lens: this.#lens !== null };
      for (const mode of MODES) pressed[mode] = this.#mode === mode;
      for (const [name, isOn] of Object.entries(pressed)) this.#tool(name).ariaPressed = isOn;
      const [output, level] = [this.#find("output"), `${Math.round(zoom * 100)}%`];
      if (output.textContent !== level) output.textContent = level; // a status: said only when it changes
      const percent = Math.round(this.#split * 100);
      const ariaValueText = `${this.#states[this.#left].label} ${percent}%`;
      Object.assign(this.#divider, { ariaValueNow: percent, ariaValueText });
    }

    // What can be done ----------------------------------------------------------------------------------------------

    #act(name) {
      const actions = {
        slider: () => this.#choose({ mode: "slider" }),
        side_by_side: () => this.#choose({ mode: "side_by_side" }),
        zoom_in: () => this.#step(ZOOM_STEP),
        zoom_out: () => this.#step(1 / ZOOM_STEP),
        fit: () => this.#glideTo(this.#fitZoom),
        actual_pixels: () => this.#glideTo(1),
        lens: () => this.#setLens(this.#lens ? null : { x: this.#view.x, y: this.#view.y, above: 0 }),
        full_screen: () => this.#toggleFull(),
      };
      actions[name]?.();
    }

    /** A state chosen for both sides makes them change places. */
    #choose({ mode = this.#mode, left = this.#left, right = this.#right }) {
      if (left === right) [left, right] = [this.#right, this.#left];
      [this.#mode, this.#left, this.#right] = [mode, left, right];
      this.#arrange();
      this.dispatchEvent(new CustomEvent("change", { detail: { left, right, mode }, bubbles: true, composed: true }));
    }

    /** A step of zoom that does not jump over 1:1. */
    #step(factor) {
      const [zoom, next] = [this.#view.zoom, this.#view.zoom * factor];
      this.#glideTo((zoom - 1) * (next - 1) < -1e-9 ? 1 : next);
    }

    #glideTo(zoom, anchor) { this.#stage.classList.add("gliding"); this.#zoomTo(zoom, anchor); }

    /** Zooms so that what lies under `anchor`, a point of the pane, stays there. */
    #zoomTo(zoom, anchor = { x: this.#pane.w / 2, y: this.#pane.h / 2 }) {
      const [view, fit, fixed] = [this.#view, this.#fitZoom, this.#toScene(anchor)];
      view.zoom = clamp(zoom, Math.min(fit, 1), MAX_ZOOM);
      view.isFit = Math.abs(view.zoom / fit - 1) < 1e-3;
      const moved = this.#toPane(fixed);
      this.#panBy(anchor.x - moved.x, anchor.y - moved.y);
    }

    #panBy(dx, dy) {
      this.#view.x -= dx / this.#scale;
      this.#view.y -= dy / this.#scale;
      this.#paint();
    }

    #splitAt(share) { this.#split = clamp(share, 0, 1); this.#paint(); }

    #setLens(lens) {
      this.#lens = lens && { ...lens, x: clamp(lens.x, 0, this.#scene.w), y: clamp(lens.y, 0, this.#scene.h) };
      this.#paint();
    }

    /** Full screen; where the browser has none or refuses it, as phones do, an overlay over the page. */
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

    #toScene({ x, y }) {
      const [view, pane, scale] = [this.#view, this.#pane, this.#scale];
      return { x: view.x + (x - pane.w / 2) / scale, y: view.y + (y - pane.h / 2) / scale };
    }

    #toPane({ x, y }) {
      const [view, pane, scale] = [this.#view, this.#pane, this.#scale];
      return { x: pane.w / 2 + (x - view.x) * scale, y: pane.h / 2 + (y - view.y) * scale };
    }

    /** A point of the window as a point of the pane that it lies in. */
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
      const grip = isDivider ? event.clientX - left - width / 2 : 0; // so that it does not jump to the pointer
      this.#gesture = { kind, grip, isDivider, start: at(event), isMoved: kind === "pinch" };
      this.#followLens(event);
    }

    #dragKind({ pointerType }, isDivider) {
      if (isDivider) return "divider";
      if (this.#lens && pointerType !== "mouse") return "lens";
      return this.#isSlider && !this.#isPannable ? "divider" : "pan";
    }

    #followLens(event) {
      const isMouse = event.pointerType === "mouse";
      if (!this.#lens || !(isMouse || (this.#gesture?.kind === "lens" && this.#pointers.has(event.pointerId)))) return;
      this.#setLens({ ...this.#toScene(this.#local(at(event))), above: isMouse ? 0 : FINGER_PX });
    }

    #move(event) {
      const [now, last, gesture] = [at(event), this.#pointers.get(event.pointerId), this.#gesture];
      if (last) gesture.isMoved ||= distance(gesture.start, now) > TAP_PX;
      if (last && gesture.isMoved) this.#drag(event.pointerId, last, now);
      this.#followLens(event);
    }

    #drag(id, last, now) {
      const { kind, grip } = this.#gesture;
      const before = [...this.#pointers.values()];
      this.#pointers.set(id, now);
      if (kind === "pinch") this.#pinch(before, [...this.#pointers.values()]);
      if (kind === "pan") this.#panBy(now.x - last.x, now.y - last.y);
      if (kind === "divider") {
        const { left, right } = this.#seen;
        this.#splitAt((this.#local(now).x - grip - left) / (this.#pane.w - left - right));
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
      if (gesture.kind === "pinch" && this.#pointers.size === 1) gesture.kind = "pan"; // with the finger left
    }

    /** The second of two taps toggles between fit and 1:1. */
    #tap(event) {
      const [point, time, last] = [at(event), event.timeStamp, this.#lastTap];
      const isDouble = last && time - last.time < DOUBLE_TAP_MS && distance(last.point, point) < DOUBLE_TAP_PX;
      this.#lastTap = isDouble ? null : { point, time };
      if (isDouble) this.#glideTo(this.#view.isFit ? 1 : this.#fitZoom, this.#local(point));
    }

    /** The wheel zooms only with ctrl, in full screen, or once the viewer has the focus: else the page scrolls. */
    #wheel(event) {
      if (!event.ctrlKey && !this.#isFull && !this.shadowRoot.activeElement) return;
      event.preventDefault();
      this.#stage.classList.remove("gliding");
      const unit = (event.deltaMode === 1 ? 0.05 : 0.0025) * (event.ctrlKey ? 4 : 1); // a pinched pad's steps are small
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
      else if (key in ARROWS && shiftKey) this.#panBy(-dx * 0.1 * this.#pane.w, -dy * 0.1 * this.#pane.h);
      else if (target.matches("button") && dx) this.#focusTool(target, dx);
      else if (target.matches("button")) return;
      else if (key in ARROWS && this.#lens && !isDivider) this.#nudgeLens(dx, dy);
      else if (split && this.#isSlider && (isDivider || !dy)) this.#splitAt(this.#split + split);
      else return;
      event.preventDefault();
    }

    #nudgeLens(dx, dy) {
      const { x, y } = this.#toPane(this.#lens);
      const step = SPLIT_STEP * this.#pane.w;
      this.#setLens({ ...this.#toScene({ x: x + dx * step, y: y + dy * step }), above: 0 });
    }

    #focusTool(from, step) {
      const tools = this.#all("button, select").filter(({ offsetWidth }) => offsetWidth);
      tools[tools.indexOf(from) + step]?.focus();
    }
  }

  customElements.define("din-compare", DinCompare);
})();
