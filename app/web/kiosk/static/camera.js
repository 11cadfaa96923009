/*
 * <din-camera>: a full-screen dialog that takes a photo, or accepts a file if there is no camera.
 *
 *   camera.families = [{ name: "enlarge", label: "Enlarge" }, ...]   choices for the photo
 *   camera.texts = { take: "Take a photo", ... }                     see TEXTS
 *   camera.accept = "image/png, .heic"                                 types of files to choose from
 *   camera.open()
 *
 * A new photo is reported by the event `photo` with detail {file, family}. The photo is then shown with
 * `camera.progress = {text, share}` until `camera.done()` closes the dialog.
 */
(() => {
  if (customElements.get("din-camera")) return;

  const TEXTS = {
    what: "Choose a task",
    shutter: "Take the photo",
    choose_file: "Choose a file",
    restoring: "Restoring …",
    no_camera: "No camera is available: choose a file instead.",
    denied: "Access to the camera was denied: allow it in the browser, or choose a file.",
    close: "Close",
  };
  const CONSTRAINTS = { audio: false, video: { width: { ideal: 1920 }, height: { ideal: 1080 } } };

  const TEMPLATE = `
    <dialog data-mode="waiting">
      <div class="families" role="group"></div>
      <div class="view"><video muted playsinline></video><img alt=""><p role="alert"></p></div>
      <div class="actions">
        <button type="button" class="shutter" data-do="shutter"></button>
        <button type="button" class="file" data-do="choose_file"></button>
      </div>
      <div class="work" role="status"><p></p><div class="track"><i></i></div></div>
      <button type="button" class="close" data-do="close"><svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M6 6l12 12M18 6 6 18"/></svg></button>
      <input type="file" accept="image/*" hidden>
    </dialog>`;

  const STYLES = `
    :host { --accent: #2dd4bf; --on-accent: #05211d; }
    * { box-sizing: border-box; margin: 0; }
    dialog { position: fixed; inset: 0; width: 100%; height: 100%; max-width: none; max-height: none; border: 0;
      padding: 1em; color: #f4f7f8; background: #07090c; }
    dialog[open] { display: grid; grid-template-rows: auto minmax(0, 1fr) auto; gap: .9em; justify-items: center; }
    button { font: inherit; color: inherit; border: 0; padding: 0; cursor: pointer; min-width: 48px; min-height: 48px; }
    button:focus-visible { outline: 3px solid #fff; outline-offset: 3px; }
    .families { display: flex; flex-wrap: wrap; justify-content: center; gap: .5em; padding: 0 3em; }
    .families button, .file { padding: .45em 1.1em; border-radius: 9em; font-weight: 600;
      background: rgb(255 255 255 / .14); }
    .families button { font-size: 1.3em; }
    .families [aria-pressed=true] { color: var(--on-accent); background: var(--accent); }
    .view { position: relative; grid-row: 2; width: 100%; display: grid; place-items: center; }
    video, img { position: absolute; width: 100%; height: 100%; object-fit: contain; }
    video { transform: scaleX(-1); } /* the preview is mirrored, the photo is not */
    .view p { max-width: 26em; text-align: center; font-size: 1.4em; text-wrap: balance; }
    .actions, .work { grid-row: 3; min-height: 5.6em; width: 100%; display: flex; align-items: center;
      justify-content: center; gap: 1.6em; }
    .actions { display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, 1fr); }
    .shutter { grid-column: 2; width: 4.4em; height: 4.4em; border-radius: 50%; background: #fff padding-box;
      border: .4em solid #07090c; box-shadow: 0 0 0 .24em #fff; transition: scale .1s; }
    .shutter:active { scale: .92; }
    .file { grid-column: 3; justify-self: start; }
    .work { flex-direction: column; gap: .7em; width: min(100%, 34em); }
    .work p { font-size: 1.4em; font-weight: 600; }
    .track { width: 100%; height: .6em; border-radius: 1em; overflow: hidden; background: rgb(255 255 255 / .16); }
    .track i { display: block; height: 100%; width: calc(100% * var(--share, 0)); border-radius: 1em;
      background: var(--accent); transition: width .25s; }
    .close { position: absolute; top: .7em; right: .7em; width: 2.3em; height: 2.3em; border-radius: 50%;
      display: grid; place-content: center; background: rgb(255 255 255 / .14); }
    svg { width: 1.5em; height: 1.5em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; }
    dialog:not([data-mode=live]) :is(video, .shutter), dialog:not([data-mode=working]) :is(.work, img),
    [data-mode=working] :is(.actions, .families) { display: none; }
    [data-mode=none] .file { grid-column: 2; font-size: 1.4em; color: var(--on-accent); background: var(--accent); }
    @media (orientation: portrait) {
      .families { display: grid; grid-template-columns: 1fr 1fr; padding: 3.2em 0 0; }
      .families button { font-size: 1.1em; }
      .actions { gap: .8em; }
      .file { font-size: 1em; padding: .45em .8em; }
    }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }`;

  const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

  /** Requests the camera; a page without HTTPS has no media devices. */
  const openCamera = async () => {
    if (!navigator.mediaDevices) throw new DOMException("no media devices", "NotFoundError");
    return navigator.mediaDevices.getUserMedia(CONSTRAINTS);
  };

  class DinCamera extends HTMLElement {
    #texts = TEXTS;
    #families = [];
    #family = "";
    #stream = null;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLES);
      root.adoptedStyleSheets = [sheet];
      root.innerHTML = TEMPLATE;
      const [dialog, input] = [this.#find("dialog"), this.#find("input")];
      const actions = {
        close: () => dialog.close(),
        shutter: () => this.#shoot(),
        choose_file: () => input.click(),
        family: ({ family }) => this.#choose(family),
      };
      root.addEventListener("click", ({ target }) => {
        const { dataset } = target.closest("button") ?? {};
        if (dataset) actions[dataset.do](dataset);
      });
      dialog.addEventListener("close", () => this.#stop());
      input.addEventListener("change", () => {
        if (input.files.length) this.#send(input.files[0], this.#family);
        input.value = "";
      });
      this.texts = {};
    }

    disconnectedCallback() {
      this.#stop();
    }

    set families(families) {
      if (JSON.stringify(families) === JSON.stringify(this.#families)) return; // a new button would lose a click
      this.#families = families;
      const buttons = families.map(({ name, label }) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
        Object.assign(button.dataset, { do: "family", family: name });
        return button;
      });
      this.#find(".families").replaceChildren(...buttons);
      this.#choose(families.some(({ name }) => name === this.#family) ? this.#family : (families[0]?.name ?? ""));
    }

    set texts(texts) {
      this.#texts = { ...TEXTS, ...texts };
      this.#find(".families").ariaLabel = this.#texts.what;
      this.#find(".file").textContent = this.#texts.choose_file;
      for (const name of ["shutter", "close"]) {
        Object.assign(this.#find(`.${name}`), { ariaLabel: this.#texts[name], title: this.#texts[name] });
      }
    }

    set accept(types) {
      this.#find("input").accept = types;
    }

    set progress({ text, share }) {
      this.#find(".work p").textContent = text;
      this.#find(".track i").style.setProperty("--share", share);
    }

    get isOpen() {
      return this.#find("dialog").open;
    }

    async open() {
      const [dialog, video] = [this.#find("dialog"), this.#find("video")];
      const isWaiting = () => dialog.open && dialog.dataset.mode === "waiting"; // not closed, no file chosen
      this.#mode("waiting");
      dialog.showModal();
      try {
        const stream = await openCamera();
        this.#stop();
        if (!isWaiting()) return stop(stream);
        this.#stream = stream;
        video.srcObject = stream;
        await video.play();
        if (!isWaiting()) return;
        this.#mode("live");
        this.#find(".shutter").focus();
      } catch (error) {
        if (!isWaiting()) return;
        this.#mode("none", error.name === "NotAllowedError" ? this.#texts.denied : this.#texts.no_camera);
      }
    }

    /** Closes the dialog if it shows progress; one that was opened again stays open. */
    done() {
      const dialog = this.#find("dialog");
      if (dialog.dataset.mode === "working") dialog.close();
    }

    #find(selector) {
      return this.shadowRoot.querySelector(selector);
    }

    #mode(name, sentence = "") {
      this.#find("dialog").dataset.mode = name;
      this.#find(".view p").textContent = sentence;
    }

    #choose(family) {
      this.#family = family;
      for (const button of this.#find(".families").children) button.ariaPressed = button.dataset.family === family;
    }

    #shoot() {
      const video = this.#find("video");
      const canvas = Object.assign(document.createElement("canvas"), {
        width: video.videoWidth,
        height: video.videoHeight,
      });
      canvas.getContext("2d").drawImage(video, 0, 0);
      const family = this.#family; // the choice at the click, not when the photo is encoded
      const send = (blob) => this.#send(new File([blob], "photo.jpg", { type: blob.type }), family);
      canvas.toBlob(send, "image/jpeg", 0.95);
    }

    /** Shows the photo and dispatches the event. */
    #send(file, family) {
      const img = this.#find("img");
      URL.revokeObjectURL(img.src);
      img.src = URL.createObjectURL(file);
      this.progress = { text: this.#texts.restoring, share: 0 };
      this.#mode("working");
      this.#stop();
      const detail = { file, family };
      this.dispatchEvent(new CustomEvent("photo", { detail, bubbles: true, composed: true }));
    }

    #stop() {
      stop(this.#stream);
      this.#stream = null;
      this.#find("video").srcObject = null;
    }
  }

  customElements.define("din-camera", DinCamera);
})();
