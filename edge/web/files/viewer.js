/**
 * A picture over the whole page, with navigation by keys, buttons and swiping, and zoom by wheel,
 * pinch or double tap.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { kindAndSize } from "../text/sizes.js";

const MOST = 8;
const WIPE_PX = 60;

/**
 * `pictures` are `{file, by, when}` in order, `at` is the first to show; `link(file)` as in
 * `attachments.js`; `layers` as in `layers.js`.
 */
export function openViewer({ pictures, at, link, layers }) {
  let now = at;
  const close = () => dialog.close();
  const said = element("div", { class: "two" });
  const image = element("img", { alt: "" });
  const button = (name, label, act) => element(
    "button", { class: "bare", type: "button", "aria-label": label, onclick: act }, icon(name),
  );
  const before = button("back", "Picture before", () => show(now - 1));
  const after = button("right", "Next picture", () => show(now + 1));
  const save = element("a", { class: "bare button", "aria-label": "Download" }, icon("download"));
  const stage = element("div", { class: "stage" }, before, image, after);
  const dialog = element(
    "dialog",
    {
      class: "viewer",
      "aria-label": "Picture",
      onclose: () => {
        layers.closed(close);
        dialog.remove();
      },
      onkeydown: (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (by) show(now + by);
        else if (event.key === "+" || event.key === "=") zoom.by(1.5);
        else if (event.key === "-") zoom.by(1 / 1.5);
        else if (event.key === "0") zoom.reset();
      },
      onclick: ({ target }) => {
        if (target === stage) close();
      },
    },
    element("header", {}, said, save, button("close", "Close", close)),
    stage,
  );
  const zoom = new Zoom(image, { wiped: (by) => show(now + by) });

  async function show(n) {
    if (n < 0 || n >= pictures.length) return;
    now = n;
    const { file, by, when } = pictures[n];
    const place = pictures.length > 1 ? ` · ${n + 1} of ${pictures.length}` : "";
    said.replaceChildren(element("b", { class: "cut", dir: "auto" }, file.name),
      element("span", { class: "cut" }, `${by}, ${when} · ${kindAndSize(file)}${place}`));
    const focused = document.activeElement;
    before.disabled = n === 0;
    after.disabled = n === pictures.length - 1;
    if (focused.disabled) (before.disabled ? after : before).focus(); // else no key arrives
    zoom.reset();
    image.removeAttribute("src");
    save.removeAttribute("href"); // the previous picture's
    image.alt = file.name;
    image.width = file.width;
    image.height = file.height;
    const found = await link(file);
    if (now !== n) return; // another picture is shown by now
    if (!found) {
      image.alt = `${file.name} cannot be shown now`;
      return;
    }
    image.src = found.url;
    save.href = found.url;
    save.download = file.name;
  }

  document.body.append(dialog);
  dialog.showModal();
  layers.opened(close);
  show(at);
}

/** The zoom and position of a picture, changed by fingers and wheel. */
class Zoom {
  #image;
  #scale = 1;
  #x = 0;
  #y = 0;
  #fingers = new Map();
  #began = null;

  /** `wiped(by)` when one finger swiped a picture that is not enlarged. */
  constructor(image, { wiped }) {
    this.#image = image;
    image.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.by(event.deltaY < 0 ? 1.15 : 1 / 1.15);
    });
    image.addEventListener("dblclick", () => (this.#scale > 1 ? this.reset() : this.by(2)));
    image.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      image.setPointerCapture(event.pointerId);
      this.#fingers.set(event.pointerId, event);
      this.#begin();
    });
    image.addEventListener("pointermove", (event) => {
      if (!this.#fingers.has(event.pointerId)) return;
      this.#fingers.set(event.pointerId, event);
      this.#move();
    });
    for (const type of ["pointerup", "pointercancel"]) {
      image.addEventListener(type, (event) => {
        const wipe = this.#began && event.clientX - this.#began.x;
        const isWipe = this.#fingers.size === 1 && this.#scale === 1 && Math.abs(wipe) > WIPE_PX;
        this.#fingers.delete(event.pointerId);
        this.#begin();
        if (isWipe && event.pointerType === "touch") wiped(wipe < 0 ? 1 : -1);
      });
    }
  }

  by(factor) {
    this.#scale = Math.min(MOST, Math.max(1, this.#scale * factor));
    if (this.#scale === 1) [this.#x, this.#y] = [0, 0];
    this.#draw();
  }

  reset() {
    this.#scale = 1;
    [this.#x, this.#y] = [0, 0];
    this.#draw();
  }

  #begin() {
    const { middle, apart } = this.#hand();
    this.#began = middle && {
      x: middle.x, y: middle.y, apart, scale: this.#scale, left: this.#x, top: this.#y,
    };
  }

  #move() {
    const { middle, apart } = this.#hand();
    const { x, y, apart: was, scale, left, top } = this.#began;
    if (was > 0) this.#scale = Math.min(MOST, Math.max(1, scale * (apart / was)));
    if (this.#scale > 1) [this.#x, this.#y] = [left + middle.x - x, top + middle.y - y];
    this.#draw();
  }

  /** The fingers' centre and distance. */
  #hand() {
    const [one, other] = [...this.#fingers.values()];
    if (!one) return { middle: null, apart: 0 };
    if (!other) return { middle: { x: one.clientX, y: one.clientY }, apart: 0 };
    return {
      middle: { x: (one.clientX + other.clientX) / 2, y: (one.clientY + other.clientY) / 2 },
      apart: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY),
    };
  }

  #draw() {
    const { style } = this.#image;
    style.setProperty("transform", `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`);
    style.setProperty("cursor", this.#scale > 1 ? "grab" : "zoom-in");
  }
}
