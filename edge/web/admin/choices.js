/**
 * A choice of one among few options, each with a description.
 */
import { element } from "../parts/element.js";
import { newId } from "../client/ids.js";

/** `options` are `{value, label, hint}`. Returns `{node, value}`; the node may be disabled. */
export function choices({ legend, options, value, isDisabled = false }) {
  const name = `choice-${newId()}`;
  const node = element(
    "fieldset",
    { class: "choices", disabled: isDisabled },
    element("legend", { class: "label" }, legend),
    ...options.map((option) => element(
      "label",
      { class: "choice" },
      element("input", {
        type: "radio", name, value: option.value, checked: option.value === value,
      }),
      element("b", {}, option.label),
      element("span", { class: "hint" }, option.hint),
    )),
  );
  return {
    node,
    get value() {
      return node.querySelector(":checked").value;
    },
  };
}
