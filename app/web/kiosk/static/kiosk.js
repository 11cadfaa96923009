/*
 * <din-kiosk>: an endless full-screen slideshow of pairs before and after restoration, with a <din-camera>.
 *
 *   kiosk.pairs = [{ before: "a.jpg", after: "b.jpg", label: "Enlarge 4×", caption: "128×128 to 512×512 pixels" }, ...]
 *   kiosk.families = [{ name: "enlarge", label: "Enlarge" }, ...]   choices for a photo of the camera
 *   kiosk.texts = { before: "Before", ... }                         see TEXTS, and those of <din-camera>
 *   kiosk.accept = "image/png, .heic"                               types of files to choose from
 *   kiosk.code = { picture: "data:...", link: "..." }               a QR code for phones, or null
 *   kiosk.sent = [pair, ...]                                        what phones have sent, the newest first
 *
 * A new photo is reported by the event `photo` with detail {file, family}. The page sets `kiosk.progress =
 * {text, share}` while it is restored, and calls `kiosk.show(pair)`, where the optional `pair.life_s` is the time until
 * the pair is removed, or `kiosk.fail(message)`. The key Delete removes a photo that is shown from the slideshow, which
 * the event `withdraw` reports with detail {picture}, the URL of its restored picture. `kiosk.notice` is a message that is shown until it is set to "".
 *
 * Implementation: for each pair, a clock runs through the sweep (sweep.js) and sets the CSS variable --split, at which
 * the style sheet clips the upper picture (or fades it, if reduced motion is preferred). The next pair is decoded before
 * it is shown; pairs whose pictures cannot be loaded are removed.
 */
(() => {
  if (customElements.get("din-kiosk")) return;

  const TEXTS = {
    name: "Before and after",
    before: "Before",
    after: "After",
    starting: "Restoring the first photos …",
    take: "Take a photo",
    another: "Take another",
    pause: "Pause",
    play: "Play",
    previous: "Previous",
    next: "Next",
    full_screen: "Full screen",
    no_full_screen: "This browser does not show single elements in full screen.",
    scan: "Send a photo from your phone",
    on_screen: "Your photo is on the big screen.",
  };

  const { PAIR_S, splitAt, everyFrame } = window.dinSweep;
  const SWIPE_PX = 48;
  const FAILURE_S = 12;

  const ICONS = {
    camera: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM8.8 13.2a3.2 3.2 0 1 0 6.4 0 3.2 3.2 0 1 0-6.4 0",
    pause: "M9 6v12M15 6v12",
    play: "M8.5 5.5v13l10-6.5z",
    previous: "M14.5 5.5 8 12l6.5 6.5",
    next: "M9.5 5.5 16 12l-6.5 6.5",
    full_screen: "M14 4.5h5.5V10M10 19.5H4.5V14M4.5 10V4.5H10M19.5 14v5.5H14",
  };
  const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
  const tool = (name) => `<button type="button" class="tool" data-do="${name}">${icon(name)}</button>`;

  const TEMPLATE = `
    <div class="kiosk" role="region">
      <div class="scene"><p class="starting" role="status"></p></div>
      <p class="notice" role="alert" hidden></p>
      <figure class="code" hidden><img><figcaption></figcaption></figure>
      <div class="segments" aria-hidden="true"></div>
      <div class="bar">
        <div class="title"><h1></h1><p></p></div>
        <div class="tools">${["previous", "pause", "next", "full_screen"].map(tool).join("")}</div>
        <button type="button" class="big" data-do="take">${icon("camera")}<span></span></button>
      </div>
    </div>
    <din-camera></din-camera>`;

  const STYLES = `
    :host { display: block; position: relative; height: 100%; overflow: hidden; color: #f4f7f8; background: #07090c;
      font: 400 clamp(16px, 1.1vw + .9vh, 40px)/1.3 system-ui, sans-serif; --accent: #2dd4bf; }
    [hidden] { display: none !important; }
    * { box-sizing: border-box; margin: 0; }
    .kiosk { height: 100%; display: grid; grid-template-rows: minmax(0, 1fr) auto auto; isolation: isolate; }
    .kiosk > * { grid-column: 1; }
    .scene { position: relative; grid-row: 1; container-type: size; cursor: pointer; touch-action: none;
      user-select: none; -webkit-user-select: none; }
    .starting { position: absolute; inset: 0; display: grid; place-content: center; padding: 2em; text-align: center;
      font-size: 1.5em; color: #b8c4c9; animation: breathe 2s ease-in-out infinite alternate; }
    .slide { position: absolute; inset: 0; display: grid; place-items: center; animation: come .9s ease both; }
    .slide.leaving { animation: leave .9s ease both; }
    .backdrop { position: fixed; left: 45%; top: 45%; z-index: -1; width: 10vw; height: 10vh; object-fit: cover;
      /* Blurred at a small size, which is cheap without a GPU, too. */
      filter: blur(5px) brightness(.34) saturate(1.3); transform: scale(13); }
    .frame { position: relative; overflow: hidden; width: min(100cqw, 100cqh * var(--ratio)); aspect-ratio: var(--ratio);
      box-shadow: 0 0 4em rgb(0 0 0 / .55); }
    .layer { position: absolute; inset: 0; }
    .layer img { display: block; width: 100%; height: 100%; -webkit-user-drag: none; }
    .layer.before { clip-path: inset(0 calc(100% - 100% * var(--split)) 0 0); }
    .layer b { position: absolute; top: .55em; padding: .12em .6em .18em; border-radius: 9em; font-size: 1.8em;
      font-weight: 650; background: rgb(7 9 12 / .66); backdrop-filter: blur(8px); white-space: nowrap; }
    .before b { left: .55em; }
    .after b { right: .55em; color: #05211d; background: var(--accent); }
    .divider { position: absolute; inset: 0 auto; left: calc(100% * var(--split)); width: .16em; margin-left: -.08em;
      background: #fff; box-shadow: 0 0 1.2em .1em rgb(0 0 0 / .5); }
    .divider::after { content: ""; position: absolute; left: -.62em; top: calc(50% - .7em); width: 1.4em; height: 1.4em;
      border-radius: 50%; background: #fff; box-shadow: 0 .1em .6em rgb(0 0 0 / .45); }
    .notice { z-index: 2; grid-row: 1; place-self: end center; max-width: min(92%, 44em); margin-bottom: .8em;
      padding: .7em 1.2em; border-radius: 1em; text-align: center; text-wrap: balance; color: #2a1600;
      background: #ffd28a; box-shadow: 0 .3em 2em rgb(0 0 0 / .5); }
    .code { z-index: 2; grid-row: 1; place-self: end; margin: 0 1.4em 1em 0; padding: .5em; border-radius: .7em;
      text-align: center; color: #07090c; background: #fff; box-shadow: 0 .3em 2em rgb(0 0 0 / .5); }
    .code img { display: block; width: clamp(110px, 20vmin, 320px); margin: auto; image-rendering: pixelated; }
    .code figcaption { max-width: clamp(110px, 20vmin, 320px); font-weight: 600; font-size: .8em; text-wrap: balance; }
    .segments, .bar { position: relative; z-index: 1; display: flex; }
    .segments { grid-row: 2; gap: clamp(2px, .3vw, 8px); padding: .55em 1.4em 0; }
    .segments i { flex: 1; height: .22em; border-radius: 1em; background: rgb(255 255 255 / .24)
      linear-gradient(var(--accent) 0 0) no-repeat 0 / calc(100% * var(--share, 0)) 100%; }
    .segments .past { --share: 1; }
    .bar { grid-row: 3; align-items: center; gap: .6em 1.4em; padding: .6em 1.4em .8em; }
    .title { flex: 1; min-width: 0; }
    h1 { font-size: 2.1em; font-weight: 700; line-height: 1.12; letter-spacing: -.02em; text-wrap: balance; }
    .title p { color: #cfd8db; min-height: 1.3em; }
    .tools { display: flex; gap: .2em; }
    button { font: inherit; color: inherit; border: 0; background: none; cursor: pointer; min-width: 48px;
      min-height: 48px; }
    button:focus-visible { outline: 3px solid #fff; outline-offset: 3px; }
    svg { width: 1.5em; height: 1.5em; display: block; fill: none; stroke: currentColor; stroke-width: 1.8;
      stroke-linecap: round; stroke-linejoin: round; }
    .tool { display: grid; place-content: center; width: 2.3em; height: 2.3em; border-radius: 50%; color: #d5dde0; }
    .big { display: flex; align-items: center; justify-content: center; gap: .5em; padding: .55em 1.2em .55em 1em;
      border-radius: 9em; font-size: 1.35em; font-weight: 650; color: #05211d; background: var(--accent); }
    @media (orientation: portrait) {
      .bar { flex-wrap: wrap; padding-bottom: max(1.2em, env(safe-area-inset-bottom)); }
      .title { flex: 1 0 100%; }
      h1 { font-size: 1.9em; }
      .tools { flex: 1 0 100%; justify-content: space-between; }
      .big { flex: 1; }
    }
    @media (max-width: 500px) { .layer b { font-size: 1.25em; } }
    @media (prefers-reduced-motion: reduce) {
      .layer.before { clip-path: none; opacity: var(--split); }
      .layer.before b { left: .55em; right: auto; }
      .divider { display: none; }
      .starting, .slide, .slide.leaving { animation-duration: .01s; animation-iteration-count: 1; }
    }
    @keyframes come { from { opacity: 0; } }
    @keyframes leave { to { opacity: 0; } }
    @keyframes breathe { to { opacity: .55; } }`;

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  /** Resolves to the slide of a pair when both pictures are decoded. */
  const makeSlide = async (pair, texts) => {
    const layer = (side) => {
      const img = make("img", { src: pair[side], alt: `${pair.label}: ${texts[side]}`, draggable: false });
      return [img, make("div", { className: `layer ${side}` }, img, make("b", { textContent: texts[side] }))];
    };
    const [[after, above], [before, below]] = [layer("after"), layer("before")];
    await Promise.all([after.decode(), before.decode()]);
    const frame = make("div", { className: "frame" }, above, below, make("div", { className: "divider" }));
    frame.style.setProperty("--ratio", after.naturalWidth / after.naturalHeight);
    const backdrop = make("img", { className: "backdrop", src: pair.after, alt: "" });
    return make("div", { className: "slide" }, backdrop, frame);
  };

  class DinKiosk extends HTMLElement {
    #texts = TEXTS;
    #pairs = [];
    #taken = []; // pairs of photos from the camera and from phones, newest first
    #known = new Set(); // restored pictures of those from phones
    #pair = null; // the one that is shown
    #slide = null;
    #turn = 0; // number of the latest change of the pair; results of earlier ones are discarded
    #isChanging = false;
    #elapsed = 0;
    #isPaused = false;
    #swipe = null;
    #notice = "";
    #failure = ""; // replaces the notice for a time
    #ends = null;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
      root.adoptedStyleSheets = [sheet];
      root.innerHTML = TEMPLATE;
      const actions = {
        take: () => this.#camera.open(),
        pause: () => this.#toggle(),
        previous: () => this.#go(-1),
        next: () => this.#go(1),
        full_screen: () => this.#toggleFullScreen(),
      };
      root.addEventListener("click", ({ target }) => actions[target.closest("button")?.dataset.do]?.());
      this.#find(".scene").addEventListener("pointerdown", (event) => (this.#swipe = event.clientX));
      this.#find(".scene").addEventListener("pointerup", (event) => this.#release(event.clientX));
      this.#showTexts();
    }

    connectedCallback() {
      this.#ends = new AbortController();
      const awake = () => document.hidden || navigator.wakeLock?.request("screen").catch(() => {}); // optional
      document.addEventListener("keydown", (event) => this.#key(event), { signal: this.#ends.signal });
      document.addEventListener("visibilitychange", awake, { signal: this.#ends.signal });
      awake();
      everyFrame(() => this.isConnected, (seconds) => this.#advance(seconds));
    }

    disconnectedCallback() {
      this.#ends.abort();
    }

    get pairs() {
      return this.#pairs;
    }

    set pairs(pairs) {
      if (JSON.stringify(pairs) === JSON.stringify(this.#pairs)) return;
      this.#pairs = pairs;
      const same = this.#playlist.find((pair) => pair.after === this.#pair?.after);
      this.#pair = same ?? this.#pair;
      this.#showPlace();
      if (!this.#slide) this.#go(0);
    }

    get texts() {
      return this.#texts;
    }

    set texts(texts) {
      this.#texts = { ...TEXTS, ...texts };
      this.#camera.texts = texts;
      this.#showTexts();
    }

    set families(families) {
      this.#camera.families = families;
    }

    set accept(types) {
      this.#camera.accept = types;
    }

    /** Progress of the photo from the camera: {text, share from 0 to 1}. */
    set progress(progress) {
      this.#camera.progress = progress;
    }

    set notice(sentence) {
      this.#notice = sentence;
      this.#showNotice();
    }

    set code(code) {
      this.#find(".code").hidden = !code;
      if (code) Object.assign(this.#find(".code img"), { src: code.picture, alt: code.link });
    }

    set sent(pairs) {
      const unknown = pairs.filter(({ after }) => !this.#known.has(after));
      for (const pair of unknown.reverse()) {
        this.#known.add(pair.after);
        this.#add(pair);
      }
    }

    /** Shows a pair at once, and keeps it in the slideshow for `life_s` seconds; it may be on another screen, too. */
    show(pair, isOnScreen = false) {
      this.#camera.done();
      this.#add(pair);
      if (isOnScreen) this.#say(this.#texts.on_screen);
    }

    /** Shows why a photo was not restored. */
    fail(sentence) {
      this.#camera.done();
      this.#say(sentence);
    }

    #add(pair) {
      this.#taken.unshift({ ...pair, leaves: performance.now() + (pair.life_s ?? Infinity) * 1000 });
      this.#showNotice("");
      this.#isPaused = false;
      this.#change(this.#taken[0]);
    }

    #say(sentence) {
      this.#showNotice(sentence);
      setTimeout(() => this.#failure === sentence && this.#showNotice(""), FAILURE_S * 1000);
    }

    /** Removes the photo that is shown, if a visitor took it. */
    #withdraw() {
      if (!this.#taken.includes(this.#pair)) return;
      const detail = { picture: this.#pair.after };
      this.#taken = this.#taken.filter((pair) => pair !== this.#pair);
      this.dispatchEvent(new CustomEvent("withdraw", { detail, bubbles: true }));
      this.#go(1);
    }

    get #playlist() {
      this.#taken = this.#taken.filter(({ leaves }) => leaves > performance.now());
      return [...this.#taken, ...this.#pairs];
    }

    get #camera() {
      return this.#find("din-camera");
    }

    #find(selector) {
      return this.shadowRoot.querySelector(selector);
    }

    #showNotice(failure = this.#failure) {
      this.#failure = failure;
      this.#find(".notice").textContent = failure || this.#notice;
      this.#find(".notice").hidden = !(failure || this.#notice);
    }

    #showTexts() {
      const texts = this.#texts;
      this.#find(".kiosk").ariaLabel = texts.name;
      this.#find(".starting").textContent = texts.starting;
      this.#find(".code figcaption").textContent = texts.scan;
      for (const name of ["previous", "next", "full_screen"]) {
        Object.assign(this.#find(`[data-do=${name}]`), { ariaLabel: texts[name], title: texts[name] });
      }
      this.#showPlace();
    }

    /** Updates title, caption and position. */
    #showPlace() {
      const [playlist, texts, name] = [this.#playlist, this.#texts, this.#isPaused ? "play" : "pause"];
      this.#find("h1").textContent = this.#pair?.label ?? texts.name;
      this.#find(".title p").textContent = this.#pair?.caption ?? "";
      this.#find(".big span").textContent = this.#taken.includes(this.#pair) ? texts.another : texts.take;
      const place = playlist.indexOf(this.#pair);
      const segments = playlist.map((_, i) => make("i", { className: i < place ? "past" : "" }));
      this.#find(".segments").replaceChildren(...segments);
      this.#find(".segments").children[place]?.classList.add("now");
      const toggle = this.#find("[data-do=pause]");
      Object.assign(toggle, { innerHTML: icon(name), ariaLabel: texts[name], title: texts[name] });
      this.#paint();
    }

    #paint() {
      this.#find(".now")?.style.setProperty("--share", this.#elapsed / PAIR_S);
      this.#slide?.style.setProperty("--split", splitAt(this.#elapsed));
    }

    #advance(seconds) {
      if (this.#pair?.leaves < performance.now() && !this.#isChanging) this.#go(1);
      if (!this.#slide || this.#isPaused || this.#isChanging || this.#camera.isOpen) return;
      this.#elapsed += seconds;
      if (this.#elapsed < PAIR_S) this.#paint();
      else this.#go(1);
    }

    /** Moves on by a number of pairs. Pairs that were removed preceded the current one. */
    #go(steps) {
      const playlist = this.#playlist;
      if (!playlist.length) return this.#empty();
      const place = playlist.indexOf(this.#pair);
      this.#change(playlist[(Math.max(place, steps > 0 ? -1 : 0) + steps + playlist.length) % playlist.length]);
    }

    #empty() {
      this.#slide?.remove();
      [this.#pair, this.#slide] = [null, null];
      this.#find(".starting").hidden = false;
      this.#showPlace();
    }

    async #change(pair) {
      const turn = ++this.#turn;
      this.#isChanging = true;
      const slide = await makeSlide(pair, this.#texts).catch(() => null);
      if (turn !== this.#turn) return;
      this.#isChanging = false;
      if (!slide) {
        this.#taken = this.#taken.filter((one) => one !== pair);
        this.#pairs = this.#pairs.filter((one) => one !== pair);
        this.#showPlace();
        this.#go(1);
        return;
      }
      const old = this.#slide;
      old?.classList.add("leaving");
      old?.addEventListener("animationend", () => old.remove());
      [this.#pair, this.#slide, this.#elapsed] = [pair, slide, 0];
      this.#find(".starting").hidden = true;
      this.#find(".scene").prepend(slide);
      this.#showPlace();
    }

    #toggle() {
      this.#isPaused = !this.#isPaused;
      this.#showPlace();
    }

    #toggleFullScreen() {
      const done = document.fullscreenElement ? document.exitFullscreen() : this.requestFullscreen();
      done.catch(() => this.fail(this.#texts.no_full_screen));
    }

    /** Handles the end of a swipe or a tap. */
    #release(x) {
      const way = x - (this.#swipe ?? x);
      this.#swipe = null;
      if (Math.abs(way) < SWIPE_PX) this.#toggle();
      else this.#go(way < 0 ? 1 : -1);
    }

    #key(event) {
      if (this.#camera.isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
      const isOnButton = event.composedPath()[0].closest?.("button");
      const keys = { ArrowLeft: () => this.#go(-1), ArrowRight: () => this.#go(1), f: () => this.#toggleFullScreen() };
      keys.Delete = () => this.#withdraw();
      if (!isOnButton) keys[" "] = () => this.#toggle(); // on a button, the space bar presses it
      const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act) return;
      event.preventDefault();
      act();
    }
  }

  customElements.define("din-kiosk", DinKiosk);
})();
