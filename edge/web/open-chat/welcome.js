/**
 * The welcome shown while no chat is open: what the user can do.
 */
import { element } from "../parts/element.js";

/** `hello` is the heading, which follows the user's name. */
export function welcome({ hello, onFind, onNewChat }) {
  return element(
    "div",
    { class: "nothing" },
    hello,
    element("p", {},
      "Find somebody by name and write to them, or start a chat for several people."),
    element(
      "div",
      { class: "acts" },
      element("button", { type: "button", class: "strong", onclick: onFind }, "Find somebody"),
      element("button", { type: "button", onclick: onNewChat }, "New chat"),
    ),
    element(
      "p",
      { class: "hint by-keys" },
      "Press ", element("kbd", {}, "Ctrl"), " ", element("kbd", {}, "/"), " to see all keys.",
    ),
  );
}
