/**
 * Who somebody is, beside their name, and the way to write to them.
 */
import { avatar, element, lettersOf } from "./element.js";
import { hueOf } from "./hues.js";
import { openMenu } from "./menu.js";
import { presenceInWords } from "./presence.js";
import { isDeleted } from "./words.js";

/** `anchor` is the name; `write(id)` opens the chat with them. */
export function openPersonMenu({ id, anchor, names, presence, layers, write }) {
  const name = names.of(id);
  const { username = "" } = names.known(id) ?? {};
  const state = presence.of(id);
  const about = element("span", { class: "cut", dir: "auto" });
  const tell = () => {
    about.textContent = [username !== name && username, presenceInWords(state), names.statusOf(id)]
      .filter(Boolean).join(" · ");
    about.hidden = about.textContent === "";
  };
  tell();
  names.look(id).then(tell);
  const card = element(
    "div",
    { class: "person-card" },
    avatar(hueOf(id), lettersOf(name), { person: true, state, picture: names.pictureOf(id) }),
    element(
      "span",
      { class: "two" },
      element("b", { class: "cut", dir: "auto" }, name),
      about,
    ),
  );
  const choice = { icon: "chat", label: `Write to ${name}`, take: () => write(id) };
  const items = isDeleted(names.known(id)) ? [card] : [card, null, choice];
  openMenu({ label: name, anchor, items, layers });
}
