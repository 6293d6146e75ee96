import { lookUpMentions, mentionsIn, unknownIn } from "/web/text/mentions.js";
import { suggest } from "/web/composer/suggestions.js";
import { Names } from "/web/state/names.js";
import { NoAnswer } from "/web/client/errors.js";
import { rule, same } from "./checks.js";

const USERS = ["ann", "bob", "cleo"].map((username) => ({ id: `id of ${username}`, username }));

const NAMED = ["id of ann", "id of bob"];

async function parts({
  count, known = USERS.slice(0, 2), participants = NAMED, isDown = false,
}) {
  const clock = { now: () => 0, after: (_, call) => call() };
  const asked = [];
  const chat = { detail: { kind: "group", participants, participantCount: count } };
  const api = {
    users: async (ids) => {
      asked.push(ids);
      if (isDown) throw new NoAnswer("down");
      return USERS.filter(({ id }) => ids.includes(id));
    },
    usersNamed: async (word) => {
      asked.push(word);
      return USERS.filter(({ username }) => username.startsWith(word));
    },
  };
  const names = new Names({ api, database: { async putAll() {} }, clock, onChange() {} });
  const offered = async (word) => {
    const found = await suggest("@", word, { chat, me: USERS[0], api, names });
    return found.map(({ text }) => text);
  };
  await names.learn(known);
  return { chat, names, offered, asked };
}

rule("whoever does not take part is neither offered nor mentioned", async () => {
  const { chat, names, offered } = await parts({ count: 2 });
  await names.learn(USERS);
  same([await offered("cl"), await offered("b")], [[], ["@bob"]]);
  same(mentionsIn("@bob and @cleo.", { chat, names }), ["id of bob"]);
});

rule("in a chat of more people than the server names, anybody may be one of them", async () => {
  const { chat, names, offered } = await parts({ count: 3 });
  same([await offered("cl"), await offered("an")], [["@cleo"], []]);
  same(mentionsIn("@bob and @cleo.", { chat, names }), ["id of bob", "id of cleo"]);
});

rule("a stop behind a name is no part of it, and an address mentions nobody", async () => {
  const { chat, names } = await parts({ count: 2 });
  same(mentionsIn("@ann... or ask @bob_", { chat, names }), ["id of ann", "id of bob"]);
  same(mentionsIn("write to me@ann.example or @@bob", { chat, names }), []);
});

rule("code and addresses mention nobody, as they are shown", async () => {
  const { chat, names } = await parts({ count: 2 });
  const code = "```java\n@Bob void run();\n```";
  same(mentionsIn(`\`@bob\` https://example.org/@bob/1\n${code}`, { chat, names }), []);
  same(mentionsIn(`${code}\n- **@bob** wrote \`@ann\``, { chat, names }), ["id of bob"]);
  same(mentionsIn("> @ann said\n@bob", { chat, names }), ["id of ann", "id of bob"]);
});

rule("whoever is mentioned twice is mentioned once", async () => {
  const { chat, names } = await parts({ count: 2 });
  same(mentionsIn("@bob, @BOB and @Bob", { chat, names }), ["id of bob"]);
});

rule("people are offered by the names that others see, too", async () => {
  const { names, offered } = await parts({ count: 2 });
  await names.learn([{ ...USERS[1], displayName: "Robert Smith" }]);
  same([await offered("smi"), await offered("rob"), await offered("bo")], [["@bob"], ["@bob"], ["@bob"]]);
});

rule("whoever is called exactly so is offered first, the others by their names", async () => {
  const users = ["kimmy", "kim6", "kim5", "kim4", "kim3", "kim2", "kim1", "kim"]
    .map((username) => ({ id: `id of ${username}`, username }));
  const participants = users.map(({ id }) => id);
  const { names, offered } = await parts({ count: 8, known: users, participants });
  same(await offered("KIM"), ["@kim", "@kim1", "@kim2", "@kim3", "@kim4", "@kim5"]);
  await names.learn([{ ...users[0], displayName: "Zoe Kim" }, { ...users[3], displayName: "Kim1" }]);
  same(await offered("kim1"), ["@kim1", "@kim4"]);
  same((await offered("")).slice(0, 2), ["@kimmy", "@kim6"]);
});

rule("whoever is called exactly so is asked for, even if enough others are known", async () => {
  const users = ["cleo1", "cleo2", "cleo3", "cleo4", "cleo5", "cleo6"]
    .map((username) => ({ id: `id of ${username}`, username }));
  const { offered } = await parts({ count: 9, known: users, participants: users.map(({ id }) => id) });
  same((await offered("cleo"))[0], "@cleo");
});

rule("people whose names are not known yet are asked for once, and then mentioned", async () => {
  const { chat, names, asked } = await parts({ count: 2, known: [] });
  same(unknownIn("@bob or bob@example.org", { chat, names }), ["bob"]);
  same(unknownIn("no names", { chat, names }), []);
  names.need(chat.detail.participants);
  same(await lookUpMentions("@bob and @home", { chat, names }), ["id of bob"]);
  same(asked, [["id of ann", "id of bob"]]);
  same(unknownIn("@home", { chat, names }), []); // everybody is known
});

rule("in a chat of more people than the server names, each unknown name is looked up", async () => {
  const { chat, names, asked } = await parts({ count: 3 });
  same(await lookUpMentions("@bob, @cleo. @cleo @home", { chat, names }), ["id of bob", "id of cleo"]);
  same(asked, ["cleo", "home"]);
});

rule("names that do not come mention nobody, and are soon asked for again", async () => {
  const { chat, names, asked } = await parts({ count: 2, known: [], isDown: true });
  same(await lookUpMentions("@bob", { chat, names }), []);
  names.askAgain();
  same(await lookUpMentions("@bob", { chat, names }), []);
  same(asked.length, 2);
});
