/**
 * The menu of a message, over the page: six reactions and a button for all others, then the
 * choices.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { openMenu } from "../parts/menu.js";
import { saidIn } from "../text/said.js";

/**
 * `choices` as `choicesFor` returns them; `six` emoji; `react(emoji, isOn)` and `pick()`, which
 * shows all emoji; `anchor` and `layers` as in `menu.js`. Returns the layer.
 */
export function openMessageMenu({ row, choices, six, anchor, layers, react, pick }) {
  const close = () => menu.close();
  const all = element(
    "button",
    {
      class: "bare", type: "button", role: "menuitem", "aria-label": "Another reaction",
      onclick: () => {
        close();
        pick();
      },
    },
    icon("react"),
  );
  const quick = row.isGone ? [] : [quickReactions({ row, six, close, react, pick: all }), null];
  const said = saidIn(row.text, row.attachments);
  const of = element(
    "p", { class: "said-of" },
    element("b", { class: "cut", dir: "auto" }, row.mine ? "You" : row.name), " ",
    element("span", { class: "cut", dir: "auto" }, said),
  );
  const items = [of, ...quick, ...choices.filter((one) => !one?.isOnlyQuick)];
  const menu = openMenu({ label: "Message", anchor, layers, items });
  return menu;
}

/** Six emoji for one tap, and a button for all of them, above the other choices. */
function quickReactions({ row, six, close, react, pick }) {
  const has = (emoji) => row.reactions.some((one) => one.emoji === emoji && one.isMine);
  const button = (emoji) => element(
    "button",
    {
      type: "button", role: "menuitemcheckbox", "aria-checked": String(has(emoji)),
      "aria-label": `React with ${emoji}`,
      onclick: () => {
        close();
        react(emoji, !has(emoji));
      },
    },
    emoji,
  );
  const group = { class: "quick", role: "group", "aria-label": "React" };
  return element("div", group, ...six.map(button), pick);
}
