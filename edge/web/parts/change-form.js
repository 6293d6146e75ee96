/**
 * A form that changes settings.
 */
import { element } from "./element.js";
import { submittingWith } from "./submitting.js";
import { refusalInWords } from "../text/words.js";

/** It shows its outcome in a sentence, which `submit` returns; "" for none. `toast` as in `tell`. */
export function changeForm(go, fields, submit, toast) {
  const said = element("p", { class: "outcome", role: "status" });
  const button = element("button", {}, go);
  return element(
    "form",
    {
      novalidate: true,
      onsubmit: submittingWith(said, button, submit, refusalInWords, toast),
    },
    ...fields.map((field) => field.node),
    element("div", { class: "line-of" }, button, said),
  );
}
