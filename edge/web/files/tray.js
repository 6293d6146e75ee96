/**
 * The files chosen for the next message, above the field: name, progress, and buttons to remove or
 * retry.
 */
import { arrange, element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { sizeInWords } from "../text/sizes.js";

export class Tray {
  #acts;
  #kept = new Map();
  #built = new WeakMap(); // node -> its row without the percent, as JSON

  /** `acts` is `{remove(key), retry(key), emptied()}`, the last when the last file is removed. */
  constructor(acts) {
    this.#acts = acts;
    this.node = element("ul", { class: "attached", "aria-label": "Files", hidden: true });
  }

  /** `files` as `Uploads.all` returns them. */
  render(files) {
    this.node.hidden = files.length === 0;
    const rows = files.map((one) => {
      const { key, name, size, url, state, part, isHeldUp, reason, mayRetry, hasPlace } = one;
      const percent = Math.round(part * 100);
      return { key, name, size, url, state, percent, isHeldUp, reason, mayRetry, hasPlace };
    });
    arrange(this.node, rows, this.#kept, {
      shell: () => element("li", {}),
      fill: (node, row) => this.#fill(node, row),
    });
  }

  #fill(node, row) {
    const { percent, ...rest } = row;
    const built = JSON.stringify(rest);
    if (this.#built.get(node) === built) { // a button being pressed must not be replaced
      node.querySelector("small").textContent = saidOf(row);
      node.querySelector("progress")?.setAttribute("value", String(percent));
      return;
    }
    this.#built.set(node, built);
    this.#build(node, row);
  }

  #build(node, row) {
    node.className = row.state === "failed" ? "file broken" : "file";
    const hadFocus = node.contains(document.activeElement);
    node.replaceChildren(
      row.url
        ? element("img", { class: "kind", src: row.url, alt: "" })
        : element("span", { class: "kind" }, icon("file")),
      element("div", { class: "cut" }, element("b", { class: "cut", dir: "auto" }, row.name),
        element("small", { role: row.state === "failed" ? "alert" : undefined }, saidOf(row))),
      this.#buttons(row),
    );
    if (row.state === "sending") {
      const label = `Upload of ${row.name}`;
      const value = String(row.percent);
      node.append(element("progress", { max: "100", value, "aria-label": label }));
    }
    if (hadFocus) node.querySelector("button").focus();
  }

  #remove(key) {
    this.#acts.remove(key);
    if (this.#kept.size === 0) this.#acts.emptied();
  }

  #buttons({ key, name, state, mayRetry }) {
    const label = state === "done" || state === "failed" ? `Remove ${name}` : `Cancel ${name}`;
    const remove = element(
      "button",
      { class: "bare", type: "button", "aria-label": label, onclick: () => this.#remove(key) },
      icon("close"),
    );
    if (!mayRetry) return remove;
    const retry = element(
      "button", { class: "small", type: "button", onclick: () => this.#acts.retry(key) },
      "Try again",
    );
    return element("span", { class: "line-of" }, retry, remove);
  }
}

function saidOf({ state, size, percent, isHeldUp, reason, hasPlace }) {
  if (state === "failed") return reason;
  if (isHeldUp && state === "sending") return "Not uploaded yet. It is tried again by itself.";
  const place = hasPlace ? " · says where it was taken" : "";
  if (state === "sending") return `${percent}% of ${sizeInWords(size)}${place}`;
  return `${sizeInWords(size)}${state === "waiting" ? ", waits" : ""}${place}`;
}
