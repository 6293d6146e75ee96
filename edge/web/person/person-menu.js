/**
 * A person's profile next to their name, with a button to write to them.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { hueOf } from "../text/hues.js";
import { openMenu } from "../parts/menu.js";
import { isDeleted } from "../text/people-words.js";
import { presenceInWords } from "../state/presence.js";

/** `anchor` is the name; `write(id)` opens the chat with them. */
export function openPersonMenu({ id, anchor, names, presence, layers, write }) {
  const card = element("div", { class: "person-card" });
  const tell = () => card.replaceChildren(...cardOf(id, { names, presence }));
  tell();
  names.look(id).then(tell); // the stored profile may be outdated
  const choice = { icon: "chat", label: `Write to ${names.of(id)}`, take: () => write(id) };
  const items = isDeleted(names.known(id)) ? [card] : [card, null, choice];
  openMenu({ label: names.of(id), anchor, isAtStart: true, items, layers });
}

function cardOf(id, { names, presence }) {
  const name = names.of(id);
  const { username = "" } = names.known(id) ?? {};
  const state = presence.of(id);
  const about = [username !== name && username, presenceInWords(state)].filter(Boolean).join(" · ");
  const status = names.statusOf(id);
  return [
    avatar(hueOf(id), lettersOf(name), { person: true, state, picture: names.pictureOf(id) }),
    element(
      "span",
      { class: "two" },
      element("b", { class: "cut", dir: "auto" }, name),
      about ? element("span", { class: "cut", dir: "auto" }, about) : null,
      status ? element("span", { class: "whole", dir: "auto" }, status) : null,
    ),
  ];
}
