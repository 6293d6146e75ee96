/**
 * A choice among few options, side by side under a heading.
 */
import { element } from "./element.js";

/** `options` are `[value, label]`; `onChoose(value)` when the choice changes. */
export function radioTabs({ legend, name, options, chosen, onChoose }) {
  const tabs = options.map(([value, label]) => {
    const radio = element("input", {
      type: "radio", name, class: "unseen", checked: value === chosen,
      onchange: () => onChoose(value),
    });
    return element("label", {}, radio, label);
  });
  return element(
    "fieldset",
    {},
    element("legend", { class: "label" }, legend),
    element("div", { class: "tabs" }, ...tabs),
  );
}
