/*
 * <din-intro>: what the page opens with: pairs before and after restoration in a <din-compare>, which sweeps over one
 * after the other until it is used; a sentence, and a button that chooses photos.
 *
 * What it shows is in `window.dinIntro` (app/web/restore/intro.py). It puts itself into the body at once, where it will
 * be seen later, and is moved to its place when Gradio has built the page: `intro.moveTo(element)`.
 */
(() => {
  if (!window.dinIntro || customElements.get("din-intro")) return;

  const { pairs, texts } = window.dinIntro;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");

  const TEMPLATE = `
    <section aria-labelledby="sentence">
      <h2 id="sentence"></h2>
      <din-compare plain></din-compare>
      <div class="foot"><button type="button"></button><p></p></div>
    </section>`;

  const STYLES = `
    :host([hidden]) { display: none !important; }
    :host { display: block; color-scheme: light dark; color: var(--body-text-color, light-dark(#1f2937, #f3f4f6));
      font: 400 16px/1.4 var(--font, ui-sans-serif, system-ui, sans-serif); }
    /* Before Gradio has built the page: about where it will be. */
    :host(:not([placed])) { position: absolute; z-index: 1; top: 138px; right: max(32px, 50vw - 718px);
      width: calc((min(100vw, 1500px) - 80px) * 7 / 11); }
    h2 { margin: 0 0 10px; font-size: 1.15rem; font-weight: 600; line-height: 1.3; text-wrap: balance; }
    .foot { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 20px; margin-top: 14px; }
    button { min-height: 52px; padding: 0 28px; border: 0; border-radius: 12px; font: inherit; font-size: 1.1rem;
      font-weight: 600; cursor: pointer; color: var(--button-primary-text-color, #fff);
      background: var(--button-primary-background-fill, #0f766e); }
    button:focus-visible { outline: 3px solid var(--body-text-color, #1f2937); outline-offset: 2px; }
    p { flex: 1 1 16rem; margin: 0; font-size: .82rem; }
    @media (max-width: 640px) {
      :host(:not([placed])) { top: 205px; right: 32px; width: calc(100vw - 64px); }
      h2 { font-size: 1.05rem; }
      button { flex: 1 0 100%; }
    }`;

  const SHEET = new CSSStyleSheet();
  SHEET.replaceSync(STYLES);

  class DinIntro extends HTMLElement {
    #place = 0;
    #language = "en";
    #isChosen = false; // whether the visitor has chosen a family, whose pair stays

    constructor() {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [SHEET];
      this.shadowRoot.innerHTML = TEMPLATE;
      this.#find("button").onclick = () => document.querySelector("#photos input[type=file]")?.click();
      const task = new URLSearchParams(location.search).get("task");
      this.#place = Math.max(0, pairs.findIndex(({ tasks }) => tasks.includes(task)));
      new MutationObserver(() => this.#speak()).observe(document.documentElement, { attributeFilter: ["lang"] });
      document.addEventListener("change", ({ target }) => target.closest?.("#family") && this.#choose(target.value));
      this.#language = window.dinReadLanguage(Object.keys(texts)) ?? "en";
      this.#showTexts();
      this.#show();
      addEventListener("load", () => pairs.forEach(({ before, after }) => [before, after].forEach(fetchPicture)));
    }

    /** Moves to its place on the page; a sweep goes on. */
    moveTo(parent) {
      parent.append(this);
      this.toggleAttribute("placed", true);
    }

    #find(selector) { return this.shadowRoot.querySelector(selector); }
    get #viewer() { return this.#find("din-compare"); }
    get #words() { return texts[this.#language]; }

    #speak() {
      const language = document.documentElement.lang;
      if (language === this.#language || !texts[language]) return;
      const wasSweeping = this.#viewer.hasAttribute("sweeping");
      this.#language = language;
      this.#showTexts();
      this.#show(wasSweeping);
    }

    #showTexts() {
      this.#find("h2").textContent = this.#words.sentence;
      this.#find("button").textContent = this.#words.try;
      this.#viewer.texts = this.#words.viewer;
    }

    #choose(family) {
      const place = pairs.findIndex((pair) => pair.family === family);
      if (place < 0) return;
      [this.#place, this.#isChosen] = [place, true];
      this.#show();
    }

    /** Shows the pair, and sweeps over it if that is wanted. */
    #show(isSweeping = true) {
      const { before, after, width, height } = pairs[this.#place];
      const words = this.#words.pairs[this.#place];
      const state = (side, src) => ({ label: words[side], src, width, height });
      this.#find("p").textContent = words.credit;
      this.#viewer.states = [state("before", before), state("after", after)];
      if (isSweeping && !isStill.matches) this.#sweep();
    }

    #sweep() {
      this.#viewer.sweep(() => {
        if (this.#isChosen) return;
        this.#place = (this.#place + 1) % pairs.length;
        this.#show();
      });
    }
  }

  const fetchPicture = (src) => (new Image().src = src);

  customElements.define("din-intro", DinIntro);
  const intro = document.createElement("din-intro");
  const watch = new MutationObserver(() => {
    if (!document.body) return;
    watch.disconnect();
    document.body.prepend(intro);
  });
  watch.observe(document.documentElement, { childList: true });
})();
