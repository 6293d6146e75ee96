/**
 * A button that asks once more, in words, before it does what cannot be undone.
 */
import { element } from "./element.js";
import { icon } from "./icons.js";

/**
 * `label` is what the first button says, `question` stands above `yes`, which does it, and `no`.
 * `act(button)` may be async.
 */
export function asking({ symbol, label, question, yes, no = "Cancel", act }) {
  const place = element("div", { class: "asking" });
  const first = element(
    "button", { class: "quiet danger", type: "button" }, symbol ? icon(symbol) : null, label,
  );
  const go = element("button", { class: "small danger", type: "button" }, yes);
  const keep = element("button", { class: "small quiet", type: "button" }, no);
  const asked = [
    element("p", { class: "hint" }, question),
    element("div", { class: "line-of" }, go, keep),
  ];
  first.addEventListener("click", () => {
    place.replaceChildren(...asked);
    keep.focus();
  });
  keep.addEventListener("click", () => {
    place.replaceChildren(first);
    first.focus();
  });
  go.addEventListener("click", () => act(go));
  place.append(first);
  return place;
}
