/**
 * A button that asks for confirmation before an irreversible action.
 */
import { element } from "./element.js";
import { icon } from "./icons.js";

/**
 * `label` is the first button's text; `question` is shown above `yes`, which acts, and `no`.
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
