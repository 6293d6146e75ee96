/**
 * Who has reacted to a message and how; each name opens the person's menu.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { hueOf } from "../text/hues.js";
import { openMenu } from "../parts/menu.js";

/**
 * `reactions` are those of a message; `person(id)` shows somebody; `anchor` and `layers` as in
 * `menu.js`.
 */
export function openReactions({ reactions, me, names, anchor, layers, person }) {
  const choose = (id) => {
    menu.close();
    person(id);
  };
  const rows = reactions.flatMap(({ emoji, count, users }) => [
    element("p", { class: "reacted" }, element("span", {}, emoji), String(count)),
    ...users.map((id) => personOf(id, { me, names, choose })),
    users.length < count
      ? element("p", { class: "hint" }, `and ${count - users.length} more`)
      : null,
  ]).filter(Boolean);
  const menu = openMenu({ label: "Who reacted", anchor, layers, items: rows });
}

function personOf(id, { me, names, choose }) {
  const isMe = id === me.id;
  const name = names.of(id);
  const face = avatar(hueOf(id), lettersOf(name), {
    person: true, size: "s24", picture: names.pictureOf(id),
  });
  return element(
    "button",
    { type: "button", role: "menuitem", disabled: isMe, onclick: () => choose(id) },
    face, element("span", { class: "cut", dir: "auto" }, isMe ? "You" : name),
  );
}
