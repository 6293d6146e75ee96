/**
 * What stands where a chat would be while none is open: the things that one can do.
 */
import { element } from "./element.js";

export function welcome({ me, onFind, onNewChat }) {
  return element(
    "div",
    { class: "empty" },
    element("h1", {}, `Hello, ${me.username}`),
    element("p", {}, "Find a person by name and write to them, or start a chat for several."),
    element(
      "p",
      { class: "acts" },
      element("button", { type: "button", class: "strong", onclick: onFind }, "Find somebody"),
      element("button", { type: "button", onclick: onNewChat }, "New chat"),
    ),
    element("p", { class: "soft" }, "Others find you as ", element("strong", {}, me.username), "."),
    element("p", { class: "soft by-keys" }, "Press ", element("kbd", {}, "?"), " to see the keys."),
  );
}
