/**
 * What the composer suggests: the people of the chat, commands and emoji, by the beginning of their
 * names.
 */
import { commandsFor } from "./commands.js";
import { avatar, element, lettersOf } from "./element.js";
import { hueOf } from "./hues.js";
import { powersIn } from "./mentions.js";

const MOST = 6;

/** `[{text, nodes}]` for a word after `@`, `:` or `/`. */
export async function suggest(mark, word, { chat, me, api, names, use }) {
  if (mark === ":") {
    const found = await use.find(word);
    return found.slice(0, MOST).map(([emoji, name]) => (
      { text: emoji, nodes: [emoji, ` ${name}`] }
    ));
  }
  if (mark === "/") {
    return commandsFor(word, powersIn(chat, me)).map(({ name, help }) => (
      { text: `/${name}`, nodes: [element("b", {}, `/${name}`), ` ${help}`] }
    ));
  }
  return (await peopleFor(word, { chat, me, api, names })).slice(0, MOST).map((id) => {
    const { username } = names.known(id);
    const name = names.of(id);
    const face = avatar(hueOf(id), lettersOf(name), { person: true, size: "s24" });
    const called = name === username ? [] : [element("span", { class: "role" }, username)];
    return { text: `@${username}`, nodes: [face, name, ...called] };
  });
}

/** Those whose names are known here first; the server knows the others. */
async function peopleFor(word, { chat, me, api, names }) {
  const others = chat.detail.participants.filter((id) => id !== me.id);
  const known = others.filter((id) => names.isCalled(id, word) && names.known(id));
  if (known.length >= MOST || word === "" || others.every((id) => names.known(id))) return known;
  try {
    const users = await api.usersNamed(word);
    names.learn(users);
    const found = users.map((user) => user.id).filter((id) => others.includes(id));
    return [...new Set([...known, ...found])];
  } catch (error) {
    if (error.code === undefined) throw error;
    return known;
  }
}
