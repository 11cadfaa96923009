/*
 * <din-compare>: pictures of one scene, compared by a divider, side by side, or under a lens.
 *
 *   <din-compare states='[{"label": "Before", "src": "a.png", "width": 512, "height": 512, "caption": "bicubic"}, ...]'
 *                texts='{"slider": "Slider", ...}'></din-compare>
 *
 * Attributes and properties `states` and `texts` take JSON or objects; what visitors choose comes as the event
 * `change` with detail {left, right, mode}: two indices of states, and "slider" or "side_by_side".
 *
 * How it is made. The "scene" is the largest picture's size; every picture is stretched over it. A "view" (zoom, and
 * the scene's point in the middle) is shared by all panes: slider mode has one pane with two layers, the left one
 * clipped at the divider; side by side has one pane, with one layer, for each state. `#paint` turns the view into CSS
 * variables on the stage, and the style sheet places everything by them: no picture is ever copied or redrawn by
 * script. Zoom counts the screen's pixels per scene pixel, so 1 is "1:1" on any screen.
 */
(() => {
  if (customElements.get("din-compare")) return;

  const TEXTS = {
    viewer: "Picture comparison",
    toolbar: "Comparison tools",
    slider: "Slider",
    side_by_side: "Side by side",
    zoom_in: "Zoom in",
    zoom_out: "Zoom out",
    zoom_level: "Zoom level",
    fit: "Fit",
    actual_pixels: "Actual pixels",
    lens: "Lens",
    full_screen: "Full screen",
    exit_full_screen: "Leave full screen",
    left: "Left picture",
    right: "Right picture",
    divider: "Divider between the pictures",
    hint: "Drag to compare, double-click for actual pixels. Pinch, or turn the wheel after a click, to zoom.",
    picture_alt: "{label}",
    load_error: "The picture “{label}” could not be loaded.",
  };

  const MAX_ZOOM = 32;
  const ZOOM_STEP = 1.5;
  const PIXELATED_FROM = 3;
  const LENS_PX = 180;
  const LENS_GAP_PX = 8;
  const FINGER_PX = 130; // a lens under a finger could not be seen: it floats this far above
  const TAP_PX = 5;
  const DOUBLE_TAP_MS = 400;
  const GLIDE_MS = 160;

  const KEYS = { "+": "zoom_in", "=": "zoom_in", "-": "zoom_out", _: "zoom_out", 0: "fit", 1: "actual_pixels" };
  Object.assign(KEYS, { l: "lens", L: "lens", f: "full_screen", F: "full_screen" });
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
  };
  const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
  const button = (name) => `<button type="button" data-action="${name}">${ICONS[name] ? icon(name) : "1:1"}</button>`;

  const TEMPLATE = `
    <div class="viewer" role="group">
      <div class="stage" role="group" tabindex="0" aria-describedby="hint"></div>
      <div class="toolbar" role="toolbar">
        <div class="modes">${button("slider")}${button("side_by_side")}</div>
        <div class="picks"><select data-side="left"></select><select data-side="right"></select></div>
        <div class="zoom">${button("zoom_out")}<output></output>${button("zoom_in")}</div>
        <div>${button("fit")}${button("actual_pixels")}${button("lens")}${button("full_screen")}</div>
      </div>
      <p id="hint"></p>
    </div>`;

  const STYLES = `
    :host { display: block; --text: var(--body-text-color, light-dark(#1d2330, #eef0f4));
      --surface: var(--background-fill-primary, light-dark(#fff, #14161c));
      --line: var(--border-color-primary, light-dark(#e2e5ea, #30343e));
      --accent: var(--color-accent, light-dark(#3458d4, #8aa6ff));
      --calm: color-mix(in srgb, var(--text) 6%, var(--surface)); }
    :host([hidden]), [hidden] { display: none !important; }
    * { box-sizing: border-box; }
    .viewer { display: flex; flex-direction: column; overflow: hidden; color: var(--text); background: var(--surface);
      border: 1px solid var(--line); border-radius: var(--block-radius, 16px);
      font: 400 14px/1.4 var(--font, ui-sans-serif, system-ui, sans-serif); }
    .viewer.full { position: fixed; inset: 0; z-index: 2147483647; border: 0; border-radius: 0; }
    .stage { position: relative; display: grid; gap: 2px; grid-template-columns: repeat(var(--columns, 1), minmax(0, 1fr));
      grid-auto-rows: minmax(0, 1fr); width: 100%; aspect-ratio: var(--ratio); min-height: 200px;
      max-height: min(75svh, 760px); overflow: hidden; background: var(--line); outline: none; direction: ltr;
      touch-action: pan-y; user-select: none; -webkit-user-select: none; -webkit-touch-callout: none; }
    .full .stage { flex: 1; aspect-ratio: auto; max-height: none; min-height: 0; }
    .stage.held, .full .stage { touch-action: none; overscroll-behavior: contain; }
    .stage.pannable { cursor: grab; }
    .stage.pannable:active { cursor: grabbing; }
    .stage:focus-visible::after { content: ""; position: absolute; inset: 0; z-index: 4; pointer-events: none;
      border: 3px solid var(--accent); box-shadow: inset 0 0 0 2px #fff; border-radius: 2px; }
    .pane { position: relative; overflow: hidden; background: var(--calm); }
    .layer { position: absolute; inset: 0; }
    .layer.left { z-index: 1; clip-path: inset(0 calc(100% - var(--split)) 0 0); }
    .sheet { position: absolute; left: 0; top: 0; width: var(--w); height: var(--h);
      transform: translate(var(--x), var(--y)); background: var(--calm); }
    .loaded .sheet, .lens { background: repeating-conic-gradient(#c4c8cf 0 25%, #eceef1 0 50%) 0 0 / 20px 20px; }
    .sheet img { display: block; width: 100%; height: 100%; -webkit-user-drag: none; }
    .pixelated img, .lens.pixelated { image-rendering: pixelated; }
    .failed img { visibility: hidden; }
    .error { display: none; position: absolute; inset: 0; margin: 0; padding: 16px; place-content: center;
      text-align: center; text-wrap: balance; overflow-wrap: anywhere; }
    .failed .error { display: grid; }
    .left .error { right: auto; width: var(--split); }
    .right .error { left: var(--split); }
    .label { position: absolute; top: calc(var(--top) + 12px); left: calc(var(--left) + 12px); max-width: calc(50% - 20px);
      padding: 5px 11px; border-radius: 999px; color: #fff; background: rgb(16 18 24 / .72); font-size: 13px;
      backdrop-filter: blur(6px); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; pointer-events: none; }
    .label b { font-weight: 600; }
    .label span { margin-left: 6px; color: #dfe3ea; }
    .layer.right .label { left: auto; right: calc(var(--right) + 12px); }
    .layer:not(.left, .right) .label { max-width: calc(100% - 24px); }
    .divider { position: absolute; z-index: 2; top: var(--top); bottom: var(--bottom); left: var(--split); width: 48px;
      margin-left: -24px; cursor: ew-resize; outline: none; touch-action: inherit; }
    .divider::before { content: ""; position: absolute; inset: 0 auto; left: 23px; width: 2px; background: #fff;
      box-shadow: 0 0 0 1px rgb(0 0 0 / .18), 0 0 12px rgb(0 0 0 / .3); }
    .handle { position: absolute; left: 2px; top: calc(50% - 22px); width: 44px; height: 44px; padding: 11px;
      border-radius: 50%; color: #1d2330; background: #fff; box-shadow: 0 2px 10px rgb(0 0 0 / .35);
      transition: transform .15s ease; }
    .divider:active .handle { transform: scale(.9); }
    .divider:focus-visible .handle { box-shadow: 0 0 0 3px var(--accent), 0 0 0 6px #fff, 0 0 0 7px rgb(0 0 0 / .4); }
    .lenses { position: absolute; z-index: 3; left: var(--lens-x); top: var(--lens-y); display: flex;
      gap: ${LENS_GAP_PX}px; pointer-events: none; }
    .lens { width: var(--lens); height: var(--lens); border-radius: 50%; border: 3px solid #fff; overflow: hidden;
      background: var(--src) var(--lens-left) var(--lens-top) / var(--lens-w) var(--lens-h) no-repeat padding-box,
        repeating-conic-gradient(#c4c8cf 0 25%, #eceef1 0 50%) 0 0 / 20px 20px;
      box-shadow: 0 0 0 1px rgb(0 0 0 / .25), 0 10px 30px rgb(0 0 0 / .4); }
    .toolbar { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; padding: 10px 12px 0; }
    .toolbar > div { display: flex; align-items: center; gap: 2px; padding: 3px; border-radius: 14px;
      background: var(--calm); }
    .toolbar > .picks { gap: 6px; padding: 0; background: none; flex: 0 1 auto; min-width: 0; }
    .toolbar > .zoom { margin-inline-start: auto; }
    button, select { height: 40px; min-width: 40px; margin: 0; border: 0; border-radius: 11px; font: inherit;
      font-weight: 500; color: inherit; background: transparent; cursor: pointer; transition: background .15s ease; }
    button { display: inline-flex; align-items: center; justify-content: center; gap: 7px; padding: 0 9px; }
    .modes button { padding: 0 14px 0 10px; }
    select { appearance: none; padding: 0 32px 0 14px; max-width: 100%; min-width: 0; flex: 0 1 auto;
      text-overflow: ellipsis; border: 1px solid var(--line); background: var(--surface)
        linear-gradient(45deg, #0000 50%, currentColor 0 60%, #0000 0) calc(100% - 18px) 55% / 8px 8px no-repeat; }
    option { color: var(--text); background: var(--surface); }
    button[aria-pressed=true] { background: var(--surface); box-shadow: 0 0 0 1px var(--line), 0 1px 4px rgb(0 0 0 / .12);
      color: var(--text); }
    button:focus-visible, select:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    svg { width: 22px; height: 22px; display: block; fill: none; stroke: currentColor; stroke-width: 1.8;
      stroke-linecap: round; stroke-linejoin: round; }
    output { min-width: 52px; text-align: center; font-variant-numeric: tabular-nums; }
    #hint { margin: 0; padding: 8px 16px 12px; font-size: 13px; color: color-mix(in srgb, var(--text) 78%, var(--surface)); }
    .full #hint { display: none; }
    .full .toolbar { justify-content: center; padding-bottom: max(10px, env(safe-area-inset-bottom)); }
    .full .zoom { margin: 0 !important; }
    @media (hover: hover) { button:hover { background: color-mix(in srgb, var(--text) 10%, var(--surface)); } }
    @media (forced-colors: active) { button[aria-pressed=true] { outline: 2px solid Highlight; } }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }`;

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const at = (event) => ({ x: event.clientX, y: event.clientY });
  const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
  const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const fill = (template, label) => template.replaceAll("{label}", label);

  /** Where one axis may be centred: no empty border while the scene is longer than what is seen of it. */
  const hold = (centre, length, seen) =>
    seen >= length ? length / 2 : clamp(centre, seen / 2, length - seen / 2);

  /** How many columns show `count` scenes largest in a room. */
  const bestColumns = (count, scene, room) => {
    const size = (columns) =>
      Math.min(room.w / columns / scene.w, room.h / Math.ceil(count / columns) / scene.h);
    const choices = Array.from({ length: count }, (_, i) => i + 1);
    return choices.reduce((best, columns) => (size(columns) >= size(best) ? columns : best));
  };

  const parse = (value) => (typeof value === "string" ? JSON.parse(value) : value);

  const readStates = (value) => {
    const states = parse(value) ?? [];
    const isState = (state) => typeof state?.src === "string" && state.width > 0 && state.height > 0;
    if (!Array.isArray(states) || !states.every(isState)) {
      throw new TypeError("din-compare: states must be a list of {label, src, width > 0, height > 0}");
    }
    return states;
  };

  const sceneOf = (states) => {
    const sizes = states.map(({ width, height }) => ({ w: width, h: height }));
    return sizes.reduce((a, b) => (b.w * b.h > a.w * a.h ? b : a), { w: 1, h: 1 });
  };

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  /** One state's picture with its label and the sentence shown when it cannot be loaded. */
  const makeLayer = ({ label, src, caption }) => {
    const img = make("img", { draggable: false, decoding: "async" });
    const name = make("div", { className: "label" }, make("b", { textContent: label }));
    if (caption) name.append(make("span", { textContent: caption }));
    const root = make("div", {}, make("div", { className: "sheet" }, img), make("p", { className: "error" }), name);
    img.onload = () => root.classList.add("loaded");
    img.onerror = () => root.classList.add("failed");
    img.src = src;
    return { root, img, label };
  };

  const makeDivider = () => {
    const divider = make("div", { className: "divider", tabIndex: 0, role: "slider" });
    divider.innerHTML = `<div class="handle">${icon("slider").replace("M12 3v18", "")}</div>`;
    divider.ariaValueMin = 0;
    divider.ariaValueMax = 100;
    return divider;
  };

  class DinCompare extends HTMLElement {
    static observedAttributes = ["states", "texts"];

    #states = [];
    #texts = TEXTS;
    #layers = [];
    #mode = "slider";
    #left = 0;
    #right = 0;
    #scene = { w: 1, h: 1 };
    #pane = { w: 0, h: 0 };
    #view = { zoom: 1, x: 0, y: 0, isFit: true };
    #seen = { left: 0, top: 0, right: 0, bottom: 0 }; // the part of a pane that shows the picture
    #split = 0.5;
    #lens = null; // the scene's point under the lens, and how far above it the lens floats
    #isOverlay = false;
    #pointers = new Map();
    #gesture = null;
    #lastTap = null;
    #glide = 0;
    #divider = makeDivider();
    #resized = new ResizeObserver(() => requestAnimationFrame(() => this.#layout()));

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
      root.adoptedStyleSheets = [sheet];
      root.innerHTML = TEMPLATE;
      this.#listen();
    }

    get states() {
      return this.#states;
    }

    set states(value) {
      const [states, before] = [readStates(value), this.#states];
      const [scene, last] = [sceneOf(states), this.#scene];
      this.#states = states;
      this.#layers = states.map(makeLayer);
      if (states.length !== before.length) [this.#left, this.#right] = [0, states.length - 1];
      if (scene.w !== last.w || scene.h !== last.h) {
        this.#scene = scene;
        this.#view.isFit = true;
        this.#lens &&= { x: scene.w / 2, y: scene.h / 2, above: 0 };
      }
      this.#render();
    }

    get texts() {
      return this.#texts;
    }

    set texts(value) {
      this.#texts = { ...TEXTS, ...parse(value) };
      this.#render();
    }

    attributeChangedCallback(name, _, value) {
      this[name] = value;
    }

    connectedCallback() {
      this.#resized.observe(this.#find(".stage"));
      this.#render();
    }

    disconnectedCallback() {
      this.#resized.disconnect();
    }

    #find(selector) {
      return this.shadowRoot.querySelector(selector);
    }

    get #stage() {
      return this.#find(".stage");
    }

    get #isSlider() {
      return this.#mode === "slider" && this.#states.length > 1;
    }

    get #isFull() {
      return this.#isOverlay || this.matches(":fullscreen");
    }

    get #scale() {
      return this.#view.zoom / devicePixelRatio;
    }

    get #fitZoom() {
      const fit = Math.min(this.#pane.w / this.#scene.w, this.#pane.h / this.#scene.h) * devicePixelRatio;
      return Math.min(fit, MAX_ZOOM);
    }

    // What is shown -------------------------------------------------------------------------------------------------

    /** Everything anew, from states, texts and mode. */
    #render() {
      this.#find(".viewer").hidden = !this.#states.length;
      this.#showTexts();
      this.#showPicks();
      this.#arrange();
      this.#layout();
    }

    #showTexts() {
      const texts = this.#texts;
      this.#find(".viewer").ariaLabel = texts.viewer;
      this.#stage.ariaLabel = texts.viewer;
      this.#find(".toolbar").ariaLabel = texts.toolbar;
      this.#find("output").ariaLabel = texts.zoom_level;
      this.#find("#hint").textContent = texts.hint;
      this.#divider.ariaLabel = texts.divider;
      for (const { root, img, label } of this.#layers) {
        img.alt = fill(texts.picture_alt, label);
        root.querySelector(".error").textContent = fill(texts.load_error, label);
      }
      for (const name of ["slider", "side_by_side"]) {
        this.#find(`[data-action=${name}]`).innerHTML = icon(name);
        this.#find(`[data-action=${name}]`).append(texts[name]);
      }
      for (const [name, key] of Object.entries(SHORTCUTS)) {
        const text = name === "full_screen" && this.#isFull ? texts.exit_full_screen : texts[name];
        const tool = this.#find(`[data-action=${name}]`);
        Object.assign(tool, { ariaLabel: text, ariaKeyShortcuts: key, title: `${text} (${key})` });
      }
    }

    #showPicks() {
      for (const side of ["left", "right"]) {
        const select = this.#find(`[data-side=${side}]`);
        select.ariaLabel = this.#texts[side];
        select.replaceChildren(...this.#states.map(({ label }, i) => new Option(label, i)));
        select.value = side === "left" ? this.#left : this.#right;
      }
      this.#find(".modes").hidden = this.#states.length < 2;
      this.#find(".picks").hidden = !this.#isSlider || this.#states.length < 3;
    }

    /** The panes of the mode, each with the layers of its states. */
    #arrange() {
      const panes = this.#isSlider ? [[this.#left, this.#right]] : this.#states.map((_, i) => [i]);
      this.#stage.replaceChildren(
        ...panes.map((indices) => {
          const sides = this.#isSlider ? ["layer left", "layer right"] : ["layer"];
          const layers = indices.map((i) => this.#layers[i]);
          layers.forEach(({ root }, n) => {
            root.classList.remove("left", "right");
            root.classList.add(...sides[n].split(" "));
          });
          const lenses = layers.map(({ img }) => {
            const lens = make("div", { className: "lens" });
            lens.style.setProperty("--src", `url(${JSON.stringify(img.src)})`);
            return lens;
          });
          const pane = make("div", { className: "pane" }, ...layers.map(({ root }) => root));
          if (this.#isSlider) pane.append(this.#divider);
          pane.append(make("div", { className: "lenses" }, ...lenses));
          return pane;
        }),
      );
    }

    /** Shares the room among the panes, then fits or holds the view in it. */
    #layout() {
      const { offsetWidth: w, offsetHeight } = this.#stage;
      if (!w || !this.#states.length) return;
      const count = this.#stage.children.length;
      const h = this.#isFull ? offsetHeight : parseFloat(getComputedStyle(this.#stage).maxHeight);
      const columns = bestColumns(count, this.#scene, { w, h });
      const ratio = (columns * this.#scene.w) / (Math.ceil(count / columns) * this.#scene.h);
      this.#stage.style.setProperty("--columns", columns);
      this.#stage.style.setProperty("--ratio", ratio);
      const box = this.#stage.firstElementChild.getBoundingClientRect();
      this.#pane = { w: box.width, h: box.height };
      if (this.#view.isFit) this.#view.zoom = this.#fitZoom;
      this.#paint();
    }

    /** Writes the view into the CSS variables that place pictures, labels, divider and lenses. */
    #paint() {
      const { x: px, y: py } = this.#view;
      const [scale, scene, pane] = [this.#scale, this.#scene, this.#pane];
      const snap = (value) => Math.round(value * devicePixelRatio) / devicePixelRatio;
      this.#view.x = hold(px, scene.w, pane.w / scale);
      this.#view.y = hold(py, scene.h, pane.h / scale);
      const [w, h] = [scene.w * scale, scene.h * scale];
      const [x, y] = [snap(pane.w / 2 - this.#view.x * scale), snap(pane.h / 2 - this.#view.y * scale)];
      const [left, top] = [Math.max(0, x), Math.max(0, y)];
      const [right, bottom] = [Math.max(0, pane.w - x - w), Math.max(0, pane.h - y - h)];
      this.#seen = { left, top, right, bottom };
      const split = left + this.#split * (pane.w - left - right);
      this.#place({ x, y, w, h, left, top, right, bottom, split });
      const isPannable = w > pane.w + 1 || h > pane.h + 1;
      this.#stage.classList.toggle("pannable", isPannable);
      this.#stage.classList.toggle("held", isPannable || this.#lens !== null);
      this.#stage.classList.toggle("pixelated", this.#view.zoom >= PIXELATED_FROM);
      this.#paintLens();
      this.#paintTools();
    }

    #place(lengths) {
      for (const [name, value] of Object.entries(lengths)) this.#stage.style.setProperty(`--${name}`, `${value}px`);
    }

    /** The lens shows 1:1, or twice what is seen already where that is more. */
    #paintLens() {
      for (const lenses of this.#stage.querySelectorAll(".lenses")) lenses.hidden = !this.#lens;
      if (!this.#lens) return;
      const [pane, count] = [this.#pane, this.#isSlider ? 2 : 1];
      const size = Math.min(LENS_PX, (pane.w - 24) / count, pane.h - 24);
      const width = count * size + (count - 1) * LENS_GAP_PX;
      const zoom = this.#view.zoom < 1 ? 1 : 2 * this.#view.zoom;
      const scale = zoom / devicePixelRatio;
      const point = this.#toPane(this.#lens);
      const inner = size / 2 - 3; // its border lies within its size
      this.#place({
        lens: size,
        "lens-x": clamp(point.x - width / 2, 4, Math.max(4, pane.w - width - 4)),
        "lens-y": clamp(point.y - this.#lens.above - size / 2, 4, Math.max(4, pane.h - size - 4)),
        "lens-left": Math.round(inner - this.#lens.x * scale),
        "lens-top": Math.round(inner - this.#lens.y * scale),
        "lens-w": this.#scene.w * scale,
        "lens-h": this.#scene.h * scale,
      });
      for (const lens of this.#stage.querySelectorAll(".lens")) lens.classList.toggle("pixelated", zoom >= PIXELATED_FROM);
    }

    #paintTools() {
      const pressed = {
        slider: this.#mode === "slider",
        side_by_side: this.#mode === "side_by_side",
        fit: this.#view.isFit,
        actual_pixels: Math.abs(this.#view.zoom - 1) < 1e-6,
        lens: this.#lens !== null,
      };
      for (const [name, isPressed] of Object.entries(pressed)) this.#find(`[data-action=${name}]`).ariaPressed = isPressed;
      const level = `${Math.round(this.#view.zoom * 100)}%`;
      const output = this.#find("output");
      if (output.textContent !== level) output.textContent = level; // a status: said only when it changes
      const percent = Math.round(this.#split * 100);
      this.#divider.ariaValueNow = percent;
      this.#divider.ariaValueText = `${this.#states[this.#left]?.label} ${percent}%`;
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
        lens: () => this.#toggleLens(),
        full_screen: () => this.#toggleFull(),
      };
      actions[name]();
    }

    #choose({ mode = this.#mode, left = this.#left, right = this.#right }) {
      if (left === right) [left, right] = left === this.#left ? [this.#right, right] : [left, this.#left];
      [this.#mode, this.#left, this.#right] = [mode, left, right];
      this.#showPicks();
      this.#arrange();
      this.#layout();
      this.dispatchEvent(new CustomEvent("change", { detail: { left, right, mode }, bubbles: true, composed: true }));
    }

    /** A step of zoom that does not jump over 1:1. */
    #step(factor) {
      const { zoom } = this.#view;
      const next = zoom * factor;
      this.#glideTo((zoom - 1) * (next - 1) < -1e-9 ? 1 : next);
    }

    #glideTo(zoom, anchor) {
      cancelAnimationFrame(this.#glide);
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.#zoomTo(zoom, anchor);
      const [from, start] = [this.#view.zoom, performance.now()];
      const frame = (now) => {
        const t = clamp((now - start) / GLIDE_MS, 0, 1);
        this.#zoomTo(t < 1 ? from * (zoom / from) ** (1 - (1 - t) ** 3) : zoom, anchor);
        if (t < 1) this.#glide = requestAnimationFrame(frame);
      };
      this.#glide = requestAnimationFrame(frame);
    }

    /** Zooms so that the scene's point under `anchor`, a point of the pane, stays there. */
    #zoomTo(zoom, anchor = { x: this.#pane.w / 2, y: this.#pane.h / 2 }) {
      const fixed = this.#toScene(anchor);
      this.#view.zoom = clamp(zoom, Math.min(this.#fitZoom, 1), MAX_ZOOM);
      this.#view.isFit = Math.abs(this.#view.zoom / this.#fitZoom - 1) < 1e-3;
      this.#view.x = fixed.x - (anchor.x - this.#pane.w / 2) / this.#scale;
      this.#view.y = fixed.y - (anchor.y - this.#pane.h / 2) / this.#scale;
      this.#paint();
    }

    #panBy(dx, dy) {
      this.#view.x -= dx / this.#scale;
      this.#view.y -= dy / this.#scale;
      this.#paint();
    }

    #splitAt(x) {
      const { left, right } = this.#seen;
      this.#split = clamp((x - left) / (this.#pane.w - left - right), 0, 1);
      this.#paint();
    }

    #toggleLens() {
      this.#lens = this.#lens ? null : { x: this.#view.x, y: this.#view.y, above: 0 };
      this.#paint();
    }

    #moveLens(point, above = 0) {
      const { x, y } = this.#toScene(point);
      this.#lens = { x: clamp(x, 0, this.#scene.w), y: clamp(y, 0, this.#scene.h), above };
      this.#paint();
    }

    /** Full screen; where the browser has none or refuses it, as phones do, an overlay over the page. */
    async #toggleFull() {
      if (this.#isOverlay) this.#isOverlay = false;
      else if (this.matches(":fullscreen")) await document.exitFullscreen();
      else await this.requestFullscreen().catch(() => (this.#isOverlay = true));
      this.#showFull();
    }

    #showFull() {
      this.#find(".viewer").classList.toggle("full", this.#isFull);
      this.#find("[data-action=full_screen]").innerHTML = icon(this.#isFull ? "exit_full_screen" : "full_screen");
      this.#showTexts();
      this.#layout();
    }

    // Pointers and keys ---------------------------------------------------------------------------------------------

    #listen() {
      const [root, stage] = [this.shadowRoot, this.#stage];
      stage.addEventListener("pointerdown", (event) => this.#press(event));
      stage.addEventListener("pointermove", (event) => this.#move(event));
      stage.addEventListener("pointerup", (event) => this.#release(event, true));
      stage.addEventListener("pointercancel", (event) => this.#release(event, false));
      stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
      const keepPinch = (event) => event.touches.length > 1 && event.cancelable && event.preventDefault();
      stage.addEventListener("touchmove", keepPinch, { passive: false });
      root.addEventListener("keydown", (event) => this.#key(event));
      root.addEventListener("click", (event) => {
        const tool = event.target.closest("[data-action]");
        if (tool) this.#act(tool.dataset.action);
      });
      root.addEventListener("change", ({ target }) => this.#choose({ [target.dataset.side]: Number(target.value) }));
      this.addEventListener("fullscreenchange", () => this.#showFull());
    }

    #toScene({ x, y }) {
      return {
        x: this.#view.x + (x - this.#pane.w / 2) / this.#scale,
        y: this.#view.y + (y - this.#pane.h / 2) / this.#scale,
      };
    }

    #toPane({ x, y }) {
      return {
        x: this.#pane.w / 2 + (x - this.#view.x) * this.#scale,
        y: this.#pane.h / 2 + (y - this.#view.y) * this.#scale,
      };
    }

    /** A point of the window as a point of the pane that it lies in. */
    #local({ x, y }) {
      const boxes = [...this.#stage.children].map((pane) => pane.getBoundingClientRect());
      const isIn = (box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
      const box = boxes.find(isIn) ?? boxes[0];
      return { x: x - box.left, y: y - box.top };
    }

    #press(event) {
      if (event.button !== 0) return;
      if (event.isPrimary) this.#pointers.clear();
      cancelAnimationFrame(this.#glide);
      event.target.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, at(event));
      const kind = this.#pointers.size > 1 ? "pinch" : this.#dragKind(event);
      const grip = this.#divider.contains(event.target) ? event.clientX - this.#dividerX() : 0;
      this.#gesture = { kind, grip, start: at(event), isMoved: kind === "pinch", isDivider: grip !== 0 };
      if (kind === "lens") this.#moveLens(this.#local(at(event)), FINGER_PX);
    }

    #dragKind(event) {
      if (this.#divider.contains(event.target)) return "divider";
      if (this.#lens && event.pointerType !== "mouse") return "lens";
      return this.#isSlider && !this.#stage.classList.contains("pannable") ? "divider" : "pan";
    }

    #dividerX() {
      const box = this.#divider.getBoundingClientRect();
      return box.left + box.width / 2;
    }

    #move(event) {
      const [now, last] = [at(event), this.#pointers.get(event.pointerId)];
      if (last) this.#drag(event.pointerId, last, now);
      if (this.#lens && event.pointerType === "mouse") this.#moveLens(this.#local(now));
    }

    #drag(id, last, now) {
      const gesture = this.#gesture;
      gesture.isMoved ||= distance(gesture.start, now) > TAP_PX;
      if (gesture.kind === "pinch") return this.#pinch(id, now);
      if (!gesture.isMoved) return;
      this.#pointers.set(id, now);
      if (gesture.kind === "lens") this.#moveLens(this.#local(now), FINGER_PX);
      else if (gesture.kind === "divider") this.#splitAt(this.#local({ ...now, x: now.x - gesture.grip }).x);
      else this.#panBy(now.x - last.x, now.y - last.y);
    }

    #pinch(id, now) {
      const [a, b] = this.#pointers.values();
      this.#pointers.set(id, now);
      const [c, d] = this.#pointers.values();
      const [from, to] = [middle(a, b), middle(c, d)];
      this.#panBy(to.x - from.x, to.y - from.y);
      this.#zoomTo((this.#view.zoom * distance(c, d)) / distance(a, b), this.#local(to));
    }

    #release(event, isUp) {
      const gesture = this.#gesture;
      if (!this.#pointers.delete(event.pointerId)) return;
      if (isUp && !gesture.isMoved && !gesture.isDivider) this.#tap(event);
      if (gesture.kind === "pinch" && this.#pointers.size === 1) gesture.kind = "pan"; // with the finger left
    }

    /** The second of two taps toggles between fit and 1:1. */
    #tap(event) {
      const last = this.#lastTap;
      const isDouble = last && event.timeStamp - last.time < DOUBLE_TAP_MS && distance(last, at(event)) < 24;
      this.#lastTap = isDouble ? null : { ...at(event), time: event.timeStamp };
      if (isDouble) this.#glideTo(this.#view.isFit ? 1 : this.#fitZoom, this.#local(at(event)));
    }

    /** The wheel zooms only with ctrl, in full screen, or once the viewer has the focus: else the page scrolls. */
    #wheel(event) {
      if (!event.ctrlKey && !this.#isFull && !this.shadowRoot.activeElement) return;
      event.preventDefault();
      const unit = (event.deltaMode === 1 ? 0.05 : 0.0025) * (event.ctrlKey ? 4 : 1); // a pinched pad's steps are small
      cancelAnimationFrame(this.#glide);
      this.#zoomTo(this.#view.zoom * 2 ** clamp(-event.deltaY * unit, -0.5, 0.5), this.#local(at(event)));
    }

    #key(event) {
      const { key, target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select")) return;
      if (key === "Escape" && this.#isFull) this.#act("full_screen");
      else if (KEYS[key]) this.#act(KEYS[key]);
      else if (!(ARROWS[key] ? this.#arrow(event, ...ARROWS[key]) : this.#jump(event))) return;
      event.preventDefault();
    }

    /** Home and End of the divider; says whether the key meant anything. */
    #jump({ key, target }) {
      if (!this.#isSlider || target.matches("button") || !["Home", "End"].includes(key)) return false;
      this.#split = key === "Home" ? 0 : 1;
      this.#paint();
      return true;
    }

    /** An arrow pans with shift, else moves the tool, the divider or the lens; says whether it meant anything. */
    #arrow({ shiftKey, target }, dx, dy) {
      const isDivider = target === this.#divider;
      if (shiftKey) this.#panBy(-dx * 0.1 * this.#pane.w, -dy * 0.1 * this.#pane.h);
      else if (target.matches("button")) return dx !== 0 && this.#focusTool(target, dx);
      else if (this.#lens && !isDivider) this.#nudgeLens(dx, dy);
      else if (this.#isSlider && (dx || isDivider)) this.#split = clamp(this.#split + (dx - dy) * 0.02, 0, 1);
      else return false;
      this.#paint();
      return true;
    }

    #nudgeLens(dx, dy) {
      const { x, y } = this.#toPane(this.#lens);
      this.#moveLens({ x: x + dx * 0.02 * this.#pane.w, y: y + dy * 0.02 * this.#pane.h });
    }

    #focusTool(tool, step) {
      const tools = [...this.shadowRoot.querySelectorAll("button, select")].filter((each) => each.offsetWidth);
      tools[tools.indexOf(tool) + step]?.focus();
      return true;
    }
  }

  customElements.define("din-compare", DinCompare);
})();
