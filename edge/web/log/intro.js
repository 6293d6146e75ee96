/**
 * The introduction of a chat without messages: what it is, and what to do first.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { madeAt } from "../client/ids.js";
import { hueOf } from "../text/hues.js";
import { dayAndTime } from "../text/days.js";
import { apart, otherOf, titleOf } from "../text/words.js";

export function introOf({ chat, me, names, onAdd }) {
  const nameOf = (id) => names.of(id);
  const title = titleOf(chat.detail, me.id, nameOf);
  const other = otherOf(chat.detail, me.id);
  const since = dayAndTime(madeAt(chat.id), Date.now());
  const words = other === null
    ? `This chat was started ${since}. Everyone added can read it from the beginning.`
    : `Only you and ${apart(title)} can read what is written here.`;
  const add = element(
    "button", { type: "button", class: "strong", onclick: onAdd }, icon("add-person"), "Add people",
  );
  return element(
    "div",
    { class: "intro" },
    avatar(hueOf(other ?? chat.id), lettersOf(title), {
      person: other !== null, size: "s64", picture: names.pictureOf(other),
    }),
    element("h2", { dir: "auto" }, title),
    element("p", {}, words),
    chat.isOwner && other === null ? element("div", { class: "acts" }, add) : null,
  );
}
