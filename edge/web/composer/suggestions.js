/**
 * The composer's suggestions: the people of the chat, other chats, commands and emoji, by name
 * prefix.
 */
import { addressOf } from "../text/addresses.js";
import { commandsFor } from "./commands.js";
import { avatar, element, lettersOf } from "../parts/element.js";
import { hueOf } from "../text/hues.js";
import { isCut, powersIn } from "../text/mentions.js";
import { askForPeople, peopleCalled } from "../state/named-people.js";
import { otherOf } from "../text/words.js";

const MOST = 6;

/** `[{text, nodes}]` for a word after `@`, `#`, `:` or `/`. */
export async function suggest(mark, word, { chat, me, api, chats, names, use }) {
  if (mark === ":") {
    const found = await use.find(word).catch(() => []); // loading failed: the next word retries
    return found.slice(0, MOST).map(([emoji, name]) => (
      { text: emoji, nodes: [emoji, ` ${name}`] }
    ));
  }
  if (mark === "/") {
    return commandsFor(word, powersIn(chat, me)).map(({ name, help }) => (
      { text: `/${name}`, nodes: [element("b", {}, `/${name}`), ` ${help}`] }
    ));
  }
  if (mark === "#") {
    return chatsFor(word, { me, chats }).slice(0, MOST).map((one) => {
      const { chatName } = one.detail;
      const face = avatar(hueOf(one.id), lettersOf(chatName), { size: "s24" });
      return { text: addressOf(one), nodes: [face, cut(chatName)] };
    });
  }
  const people = await peopleFor(word, { chat, me, api, names });
  return peopleCalled(word, people, names).slice(0, MOST).map((id) => {
    const { username } = names.known(id);
    const name = names.of(id);
    const face = avatar(hueOf(id), lettersOf(name), {
      person: true, size: "s24", picture: names.pictureOf(id),
    });
    const called = name === username ? [] : [element("span", { class: "role" }, username)];
    const fits = (typed) => names.isCalled(id, typed);
    return { text: `@${username}`, nodes: [face, cut(name), ...called], fits };
  });
}

function cut(name) {
  return element("span", { class: "cut", dir: "auto" }, name);
}

/** Only groups: others cannot open a direct chat. */
function chatsFor(word, { me, chats }) {
  const start = word.toLowerCase();
  return chats.sorted().filter(({ detail }) => (
    otherOf(detail, me.id) === null
    && detail.chatName.toLowerCase().split(/\s+/u).some((part) => part.startsWith(start))
  ));
}

/** The people of the chat: those known here, and others from the server. */
async function peopleFor(word, { chat, me, api, names }) {
  const others = chat.detail.participants.filter((id) => id !== me.id);
  const known = peopleCalled(word, others, names);
  const isOpen = isCut(chat.detail); // then it may be anybody
  const isAllKnown = !isOpen && others.every((id) => names.known(id));
  const isEnough = known.length >= MOST && names.oneCalled(word, known) !== undefined;
  if (isEnough || word === "" || isAllKnown) return known;
  try {
    const users = await askForPeople(word, { api, names });
    const found = users.map((user) => user.id)
      .filter((id) => others.includes(id) || (isOpen && id !== me.id));
    return [...new Set([...known, ...found])];
  } catch (error) {
    if (error.code === undefined) throw error;
    return known;
  }
}
