/*
 * The appearance of <din-compare>: texts, icons, markup, styles, and the elements of each picture.
 *
 * The style sheet positions everything by CSS variables of the stage, in CSS pixels of the pane: --x --y --w --h is the
 * rectangle of the scene, --left --top --right --bottom are the empty borders around it, --split is the position of the
 * divider, and --lens… are the positions of the lenses and their contents.
 */
window.dinCompareLook = (() => {
  const { LENS } = window.dinCompareView;

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

  const MODES = ["slider", "side_by_side"];
  const SHORTCUTS = { zoom_in: "+", zoom_out: "-", fit: "0", actual_pixels: "1", lens: "L", full_screen: "F" };

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
      <div class="stage" role="group" tabindex="0" aria-describedby="hint change"></div>
      <div class="toolbar" role="toolbar">
        <div class="group modes">${MODES.map(tool).join("")}</div>
        <div class="picks"><select data-side="left"></select><select data-side="right"></select></div>
        <div class="look">
          <div class="group">${tool("zoom_out")}<output></output>${tool("zoom_in")}</div>
          <div class="group">${["fit", "actual_pixels", "lens", "full_screen"].map(tool).join("")}</div>
        </div>
      </div>
      <p id="hint"></p>
      <p id="change" role="status"></p>
    </div>`;

  const CHECKERS = "repeating-conic-gradient(#c4c8cf 0 25%, #eceef1 0 50%) 0 0 / 20px 20px";
  const STYLES = `
    :host { display: block;
      --text: var(--body-text-color, light-dark(#1d2330, #eef0f4));
      --surface: var(--background-fill-primary, light-dark(#fff, #14161c));
      --line: var(--border-color-primary, light-dark(#e2e5ea, #30343e));
      --accent: var(--color-accent, light-dark(#3458d4, #8aa6ff));
      --calm: color-mix(in srgb, var(--text) 6%, var(--surface)); }
    :host([hidden]), [hidden] { display: none !important; }
    * { box-sizing: border-box; }

    .viewer { display: flex; flex-direction: column; overflow: hidden; container-type: inline-size; outline: none;
      color: var(--text); background: var(--surface); border: 1px solid var(--line);
      border-radius: var(--block-radius, 16px); font: 400 14px/1.4 var(--font, ui-sans-serif, system-ui, sans-serif); }
    :host([plain]) :is(.toolbar, #hint) { display: none; }
    .viewer.full { position: fixed; inset: 0; z-index: 2147483647; border: 0; border-radius: 0; }

    .stage { position: relative; display: grid; grid-template-columns: repeat(var(--columns, 1), minmax(0, 1fr));
      grid-auto-rows: minmax(0, 1fr); gap: 2px; width: 100%; aspect-ratio: var(--ratio); min-height: 200px;
      max-height: min(75svh, 760px); overflow: hidden; outline: none; direction: ltr; touch-action: pan-y;
      user-select: none; -webkit-user-select: none; -webkit-touch-callout: none; }
    .full .stage { flex: 1; aspect-ratio: auto; max-height: none; min-height: 0; }
    .stage.held, .full .stage { touch-action: none; overscroll-behavior: contain; }
    .stage.pannable { cursor: grab; }
    .stage.pannable:active { cursor: grabbing; }
    .stage:focus-visible::after { content: ""; position: absolute; inset: 0; z-index: 4; pointer-events: none;
      border: 3px solid var(--accent); box-shadow: inset 0 0 0 2px #fff; }

    .pane { position: relative; overflow: hidden; background: var(--calm); }
    .layer { position: absolute; inset: 0; }
    .layer.left { z-index: 1; clip-path: inset(0 calc(100% - var(--split)) 0 0); }
    .sheet { position: absolute; left: 0; top: 0; width: var(--w); height: var(--h); background: var(--calm);
      transform: translate(var(--x), var(--y)); }
    .sheet img { display: block; width: 100%; height: 100%; -webkit-user-drag: none; }
    [data-picture=loaded] .sheet { background: ${CHECKERS}; }
    [data-picture=failed] img { visibility: hidden; }
    .pixelated img, .lens.pixelated { image-rendering: pixelated; }
    .error { display: none; position: absolute; inset: 0; margin: 0; padding: 16px; place-content: center;
      text-align: center; text-wrap: balance; overflow-wrap: anywhere; }
    [data-picture=failed] .error { display: grid; }
    .left .error { right: auto; width: var(--split); }
    .right .error { left: var(--split); }

    /* No backdrop-filter on clipped elements: browsers would then draw the picture at fractional pixels. */
    .label { position: absolute; top: calc(var(--top) + 12px); left: calc(var(--left) + 12px); padding: 5px 11px;
      max-width: calc(100% - 24px); border-radius: 999px; color: #fff; background: rgb(16 18 24 / .76);
      font-size: 13px; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
      pointer-events: none; }
    .left .label, .right .label { max-width: calc((100% - var(--left) - var(--right)) / 2 - 20px); }
    .right .label { left: auto; right: calc(var(--right) + 12px); }

    .divider { position: absolute; z-index: 2; top: var(--top); bottom: var(--bottom); left: var(--split); width: 48px;
      margin-left: -24px; cursor: ew-resize; outline: none; touch-action: inherit; }
    .divider::before { content: ""; position: absolute; inset: 0 auto; left: 23px; width: 2px; background: #fff;
      box-shadow: 0 0 0 1px rgb(0 0 0 / .18), 0 0 12px rgb(0 0 0 / .3); }
    .handle { position: absolute; left: 2px; top: calc(50% - 22px); width: 44px; height: 44px; padding: 11px;
      border-radius: 50%; color: #1d2330; background: #fff; box-shadow: 0 2px 10px rgb(0 0 0 / .35);
      transition: transform .15s ease; }
    .divider:active .handle { transform: scale(.9); }
    .divider:focus-visible .handle { box-shadow: 0 0 0 3px var(--accent), 0 0 0 6px #fff, 0 0 0 7px rgb(0 0 0 / .4); }
    .gliding :is(.layer, .sheet, .label, .divider) { transition: .16s ease-out; }

    .lenses { position: absolute; z-index: 3; left: var(--lens-x); top: var(--lens-y); display: flex;
      gap: ${LENS.gap}px; pointer-events: none; }
    .lens { width: var(--lens); height: var(--lens); border-radius: 50%; border: ${LENS.border}px solid #fff;
      background: var(--src) var(--lens-left) var(--lens-top) / var(--lens-w) var(--lens-h) no-repeat, ${CHECKERS};
      box-shadow: 0 0 0 1px rgb(0 0 0 / .25), 0 10px 30px rgb(0 0 0 / .4); }

    .toolbar { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; padding: 10px 12px 0; }
    .group { display: flex; align-items: center; gap: 2px; padding: 3px; border-radius: 14px; background: var(--calm); }
    .picks { display: flex; gap: 6px; min-width: 0; }
    .look { display: flex; flex-wrap: wrap; gap: inherit; }
    button, select { height: 40px; min-width: 40px; margin: 0; border: 0; border-radius: 11px; font: inherit;
      font-weight: 500; color: inherit; background: transparent; cursor: pointer; transition: background .15s ease; }
    button { display: inline-flex; align-items: center; justify-content: center; gap: 7px; padding: 0 9px; }
    button[aria-pressed=true] { background: color-mix(in srgb, var(--accent) 15%, var(--surface));
      box-shadow: inset 0 0 0 1.5px color-mix(in srgb, var(--accent) 75%, var(--text)); }
    .modes button { padding: 0 14px 0 10px; }
    select { appearance: none; flex: 1 1 auto; padding: 0 32px 0 14px; min-width: 0; max-width: 180px;
      text-overflow: ellipsis; border: 1px solid var(--line); background:
        linear-gradient(-45deg, #0000 50%, currentColor 0) calc(100% - 14px) 55% / 5px 5px no-repeat,
        linear-gradient(45deg, #0000 50%, currentColor 0) calc(100% - 19px) 55% / 5px 5px no-repeat, var(--surface); }
    option { color: var(--text); background: var(--surface); }
    button:focus-visible, select:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    svg { width: 22px; height: 22px; display: block; fill: none; stroke: currentColor; stroke-width: 1.8;
      stroke-linecap: round; stroke-linejoin: round; }
    output { min-width: 52px; text-align: center; font-variant-numeric: tabular-nums; }
    #hint { margin: 0; padding: 8px 16px 12px; font-size: 13px;
      color: color-mix(in srgb, var(--text) 78%, var(--surface)); }
    #change { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); }
    .full #hint { display: none; }
    .full .toolbar { justify-content: center; padding-bottom: max(10px, env(safe-area-inset-bottom)); }
    .toolbar:not(.full *) > .look { margin-inline-start: auto; }

    @container (max-width: 560px) {
      .toolbar { gap: 6px; padding-inline: 6px; }
      .picks, .look, .group { flex: 1 1 auto; }
      .group { justify-content: space-between; gap: 0; padding: 2px; }
      .modes button { gap: 6px; padding: 0 8px; min-width: 0; line-height: 1.15; overflow-wrap: anywhere; }
      .modes button, select { flex: 1 1 auto; max-width: none; }
      output { min-width: 44px; }
      .label { padding: 4px 9px; border-radius: 13px; font-size: 12px; line-height: 1.3; white-space: normal;
        text-wrap: balance; }
    }
    @media (hover: hover) {
      button:not([aria-pressed=true]):hover { background: color-mix(in srgb, var(--text) 8%, transparent); }
    }
    @media (forced-colors: active) { button[aria-pressed=true] { outline: 2px solid Highlight; } }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }`;

  const SHEET = new CSSStyleSheet();
  SHEET.replaceSync(STYLES);

  const make = (tag, properties, ...children) => {
    const element = document.createElement(tag);
    element.append(...children);
    return Object.assign(element, properties);
  };

  /** Creates the picture of a state with its label, lens, and error message. */
  const makeLayer = ({ label, src }) => {
    const img = make("img", { draggable: false, decoding: "sync" });
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

  return Object.freeze({ TEXTS, MODES, SHORTCUTS, TEMPLATE, SHEET, icon, make, makeLayer, makeDivider });
})();
