/**
 * What one is told of while one looks elsewhere, as a part of the own settings. The browser is
 * asked by the button here and by nothing else.
 */
import { element } from "./element.js";
import { radioTabs } from "./radio-tabs.js";

const OF = [["all", "All"], ["mentions", "Mentions"], ["none", "None"]];
const MENTIONS = "Mentions include direct chats. A chat that you muted stays muted.";
const OFFER = "Hubbub can tell you of new messages while you look elsewhere. Your browser will ask "
  + "you once.";
const BLOCKED = "This browser blocks notifications from Hubbub. Allow them in the settings of this "
  + "site, beside its address, and reload the page.";
const IMPOSSIBLE = "This browser shows notifications only where Hubbub is opened over https.";

/** `choice` is an `AlertChoice`. */
export function alertSettings(choice) {
  const place = element("div", { class: "alerts" });
  const draw = () => place.replaceChildren(...partsOf(choice, draw));
  draw();
  return place;
}

function partsOf(choice, draw) {
  const heading = element("p", { class: "label" }, "Notifications");
  const hint = (words) => element("p", { class: "hint" }, words);
  if (!choice.isPossible) return [heading, hint(IMPOSSIBLE)];
  if (choice.permission === "denied") return [heading, hint(BLOCKED)];
  if (choice.permission === "default") return [heading, hint(OFFER), turnOn(choice, draw)];
  return [levels(choice), hint(MENTIONS), sound(choice)];
}

function turnOn(choice, draw) {
  const button = element("button", { type: "button" }, "Turn on notifications");
  button.addEventListener("click", async () => {
    const { parentNode: place } = button;
    await choice.ask();
    draw();
    place.querySelector("input:checked, button")?.focus();
  });
  return element("div", { class: "line-of" }, button);
}

function levels(choice) {
  return radioTabs({
    legend: "Notifications", name: "alerts", options: OF, chosen: choice.of,
    onChoose: (of) => {
      choice.of = of;
    },
  });
}

function sound(choice) {
  const box = element("input", { type: "checkbox", checked: choice.isLoud });
  box.addEventListener("change", () => {
    choice.isLoud = box.checked;
  });
  return element("label", { class: "choice" }, box, element("b", {}, "With sound"));
}
