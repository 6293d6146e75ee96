/**
 * The frame of the first page: one form at a time, next to a sample conversation. Does not know
 * what a form is for.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { disabledWhile } from "../parts/submitting.js";
import { noEntryInWords } from "../text/words.js";

export class EntryPage {
  #instance;
  #place = element("main", {});
  #first = null;

  constructor({ instance }) {
    this.#instance = instance;
    this.node = element("div", { class: "entry" }, this.#place, element("aside", {}, sample()));
  }

  /**
   * Replaces the previous form. `go` is its button's label, `submit` its action, which may raise a
   * refusal; `other` is shown below it, and may be null.
   */
  show({ title, lead, fields, go, submit, other }) {
    const error = element("p", { class: "error", role: "alert" });
    const button = element("button", { class: "strong" }, go);
    const form = element(
      "form",
      {
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          send(submit, button, error);
        },
      },
      ...fields.map((field) => field.node),
      error,
      button,
    );
    const name = element("span", { class: "cut", dir: "auto" }, this.#instance.name);
    this.#place.replaceChildren(...[
      element("div", { class: "brand" }, element("span", { class: "mark" }), name),
      element("h1", {}, title),
      element("p", { class: "lead" }, lead),
      form,
      other,
    ].filter(Boolean));
    this.#first = fields[0].input;
    this.focus();
  }

  focus() {
    this.#first.focus();
  }
}

async function send(submit, button, error) {
  error.textContent = "";
  try {
    await disabledWhile(button, submit);
  } catch (failure) {
    if (failure.code === undefined) throw failure;
    error.textContent = noEntryInWords(failure, location.origin);
  }
}

/** A sample conversation for new users. */
function sample() {
  const said = [
    ["Cleo", "10:12", 285, "The garden is ours from noon. Who brings the lanterns?"],
    ["Bob", "10:14", 165, "I do, and the speakers."],
  ];
  return element(
    "div",
    { class: "preview-card", "aria-hidden": "true" },
    ...said.map(([name, time, hue, text]) => element(
      "div",
      { class: "line first" },
      avatar(hue, lettersOf(name), { person: true }),
      element(
        "div",
        { class: "said" },
        element("p", { class: "by" }, element("strong", {}, name), element("time", {}, time)),
        element("div", { class: "text" }, element("p", {}, text)),
      ),
    )),
  );
}
