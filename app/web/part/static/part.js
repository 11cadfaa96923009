/*
 * <din-part>: a photo with a frame to choose a square of it, by pointer, finger or keys.
 *
 *   part.show({ src: "a.jpg", width: 4000, height: 3000 }, 256, { frame, place, hint })   the side in pixels of the photo
 *   part.addEventListener("pick", ({ detail }) => ...)      its centre { x, y }, as shares of width and height
 *   part.addEventListener("leave", () => ...)               Escape
 */
(() => {
  if (customElements.get("din-part")) return;

  const STEP = 0.05; // of the photo, for each press of an arrow key
  const LEAST_PX = 20; // a smaller frame would hardly be seen
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const clamp = (value) => Math.min(Math.max(value, 0), 1);

  class DinPart extends HTMLElement {
    #photo = {};
    #side = 0;
    #texts = {};
    #at = { x: 0.5, y: 0.5 };

    connectedCallback() {
      if (this.childElementCount) return;
      this.innerHTML = `<div class="din-photo" tabindex="0" role="button" aria-describedby="din-part-hint din-part-place">
        <img alt="" draggable="false"><div class="din-frame"></div></div>
        <p id="din-part-hint"></p><p id="din-part-place" class="din-place" aria-live="polite"></p>`;
      const stage = this.#find(".din-photo");
      stage.addEventListener("pointermove", (event) => this.#follow(event));
      stage.addEventListener("pointerdown", (event) => this.#follow(event));
      stage.addEventListener("click", (event) => this.#click(event));
      stage.addEventListener("keydown", (event) => this.#key(event));
    }

    #find(selector) { return this.querySelector(selector); }

    show(photo, side, texts) {
      const isNew = this.hidden;
      const img = this.#find("img");
      if (photo.src !== this.#photo.src) {
        img.src = photo.src;
        this.#at = { x: 0.5, y: 0.5 };
      }
      [this.#photo, this.#side, this.#texts] = [photo, side, texts];
      this.style.setProperty("--ratio", photo.width / photo.height);
      this.#find(".din-photo").ariaLabel = texts.frame;
      this.#find("#din-part-hint").textContent = texts.hint;
      this.hidden = false;
      this.#paint();
      this.#tell();
      if (isNew) this.#find(".din-photo").focus({ preventScroll: true });
    }

    #paint() {
      const { width, height } = this.#photo;
      const box = this.#find(".din-photo").getBoundingClientRect();
      const share = (length, px) => Math.min(1, Math.max(this.#side / length, LEAST_PX / px));
      const { x, y } = this.#at;
      const frame = this.#find(".din-frame").style;
      const [w, h] = [share(width, box.width), share(height, box.height)];
      Object.assign(frame, { width: `${100 * w}%`, height: `${100 * h}%` });
      const inside = (centre, part) => `${100 * Math.min(Math.max(centre - part / 2, 0), 1 - part)}%`;
      Object.assign(frame, { left: inside(x, w), top: inside(y, h) });
    }

    /** Says where the frame is, to those who move it by keys. */
    #tell() {
      const percent = { "{x}": Math.round(100 * this.#at.x), "{y}": Math.round(100 * this.#at.y) };
      this.#find(".din-place").textContent = this.#texts.place.replace(/\{[xy]\}/g, (name) => percent[name]);
    }

    #follow(event) {
      const box = event.currentTarget.getBoundingClientRect();
      const x = clamp((event.clientX - box.left) / box.width);
      const y = clamp((event.clientY - box.top) / box.height);
      this.#at = { x, y };
      this.#paint();
    }

    #click(event) {
      if (event.detail) this.#follow(event); // a screen reader's click has no place: the frame's is meant
      this.#pick();
    }

    #pick() { this.dispatchEvent(new CustomEvent("pick", { detail: this.#at })); }

    #key(event) {
      const [dx, dy] = ARROWS[event.key] ?? [0, 0];
      if (dx || dy) {
        this.#at = { x: clamp(this.#at.x + dx * STEP), y: clamp(this.#at.y + dy * STEP) };
        this.#paint();
        this.#tell();
      } else if (event.key === "Enter" || event.key === " ") this.#pick();
      else if (event.key === "Escape") this.dispatchEvent(new CustomEvent("leave"));
      else return;
      event.preventDefault();
    }
  }

  customElements.define("din-part", DinPart);
})();
