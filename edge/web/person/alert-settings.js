/**
 * The notification settings. Only the button here makes the browser ask for permission.
 */
import { helpWhereBlocked, helpWhereImpossible } from "./alert-help.js";
import { element } from "../parts/element.js";
import { radioTabs } from "../parts/radio-tabs.js";

const OF = [["all", "All"], ["mentions", "Mentions"], ["none", "None"]];
const MENTIONS = "Mentions include direct chats. A chat that you muted stays muted.";
const OFFER = "Hubbub can tell you of new messages while you look elsewhere. Your browser will ask "
  + "you once.";
const CLOSED = "You hear of messages also while Hubbub is closed.";
const OPEN = "You hear of messages while Hubbub is open, in another tab or behind other windows.";

/** `choice` is an `AlertChoice`, `push` the `Push` that follows it. */
export function alertSettings(choice, push) {
  const place = element("div", { class: "alerts" });
  const reach = element("p", { class: "hint", role: "status" });
  const follow = async () => {
    const isTold = choice.permission === "granted" && choice.of !== "none";
    const isPushed = await push.keep().catch(() => false);
    reach.textContent = isTold ? (isPushed ? CLOSED : OPEN) : "";
  };
  const draw = () => place.replaceChildren(...partsOf(choice, { draw, follow }), reach);
  draw();
  follow();
  return place;
}

function partsOf(choice, does) {
  const heading = element("p", { class: "label" }, "Notifications");
  const hint = (words) => element("p", { class: "hint" }, words);
  if (!choice.isPossible) return [heading, hint(helpWhereImpossible(navigator))];
  if (choice.permission === "denied") return [heading, hint(helpWhereBlocked(navigator))];
  if (choice.permission === "default") return [heading, hint(OFFER), turnOn(choice, does)];
  return [levels(choice, does), hint(MENTIONS), sound(choice, does)];
}

function turnOn(choice, { draw, follow }) {
  const button = element("button", { type: "button" }, "Turn on notifications");
  button.addEventListener("click", async () => {
    const { parentNode: place } = button;
    await choice.ask();
    draw();
    follow();
    place.querySelector("input:checked, button")?.focus();
  });
  return element("div", { class: "line-of" }, button);
}

function levels(choice, { follow }) {
  return radioTabs({
    legend: "Notifications", name: "alerts", options: OF, chosen: choice.of,
    onChoose: (of) => {
      choice.of = of;
      follow();
    },
  });
}

function sound(choice, { follow }) {
  const box = element("input", { type: "checkbox", checked: choice.isLoud });
  box.addEventListener("change", () => {
    choice.isLoud = box.checked;
    follow();
  });
  return element("label", { class: "choice" }, box, element("b", {}, "With sound"));
}
