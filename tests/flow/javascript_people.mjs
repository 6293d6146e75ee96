// Programs on the JavaScript client that print their results as lines of JSON: `talk ORIGIN STORE`
// creates an account, `talk` again continues with it. Commands come as lines of JSON.
import { createInterface } from "node:readline";
import { Client } from "../../clients/javascript/lib/index.js";
import { FileStore } from "../../clients/javascript/node/index.js";

const [origin, path] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const client = await Client.open({ origin, store: new FileStore(path) });
if (client.rest.tokens === null) {
  const name = `js-${crypto.randomUUID().slice(0, 13)}`;
  await client.signUp({ username: name, email: `${name}@example.org`, password: "correct horse" });
}

(async () => {
  for await (const { type, chat, seq, message } of client.events()) {
    say({ event: [type, chat, seq, message] });
  }
})();

const DO = {
  /** Forty messages, each after the answer to the one before. */
  async write({ chat, name }) {
    for (let number = 0; number < 40; number += 1) {
      await client.chat(chat).send(`${name} ${number}`);
      await pause(100);
    }
  },
  /** Everything else that a user can do in a chat; the others are notified. */
  async use({ chat: id }) {
    const chat = client.chat(id);
    const sent = [];
    for (let number = 0; number < 6; number += 1) sent.push(await chat.send(`line ${number}`));
    await chat.load(3);
    await chat.loadOlder(2);
    await chat.edit(sent[2].messageId, "line 2, corrected");
    await chat.react(sent[3].messageId, "👍");
    await chat.delete(sent[4].messageId);
    const file = await chat.upload("a.txt", new TextEncoder().encode("bytes"));
    const { seq } = await chat.send("", { attachments: [file.id] });
    while (client.cursor(id) < seq) await pause(20);
    await chat.read(seq);
    const bytes = [];
    for await (const piece of chat.download(file.id)) bytes.push(...piece);
    const search = () => client.search("corrected", { chat: id });
    let { messages: found } = await search();
    // Search finds it within a second of its answer, not at once.
    while (!found.length) {
      await pause(200);
      ({ messages: found } = await search());
    }
    const shown = chat.messages;
    const loaded = await chat.load(shown.length);
    const refused = await chat.react(crypto.randomUUID(), "👍").catch((error) => error.name);
    const text = String.fromCharCode(...bytes);
    return { shown, loaded, found, refused, text, hasOlder: chat.hasOlder };
  },
};

await client.untilReady();
say({ user: client.user });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  say({ done: command.do, result: await DO[command.do](command) });
}
await client.close();
process.exit(0);
