// `talker.py` on the JavaScript client: the same arguments, commands and output.
import { createInterface } from "node:readline";
import { Client } from "../../../clients/javascript/lib/index.js";
import { FileStore } from "../../../clients/javascript/node/index.js";

const MOST_SHOWN = 100;

const [origin, path, name] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

const client = await Client.open({ origin, store: new FileStore(path) });
if (client.rest.tokens === null) {
  const username = `${name}-${crypto.randomUUID().slice(0, 13)}`;
  await client.signUp({ username, email: `${username}@example.org`, password: "correct horse" });
}

(async () => {
  for await (const { chat, seq, type, message } of client.events()) {
    if (type === "restarted") throw new Error("The history was restored.");
    say({ event: [chat, seq, type, message ?? null] });
  }
})();

let isTalking = false;
let talking = null;

async function talk({ chats, from, pause: seconds }) {
  for (const id of chats) await client.chat(id).load(50);
  for (let number = from; isTalking; number += 1) {
    const chat = client.chat(chats[number % chats.length]);
    say({ trying: number });
    const { messageId, seq } = await chat.send(`${name} ${number}`);
    say({ sent: [chat.id, seq, number] });
    if (number % 5 === 0) await chat.edit(messageId, `${name} ${number}, corrected`);
    if (number % 7 === 0) await chat.react(messageId, "👍");
    if (number % 11 === 0) await chat.delete(messageId);
    await pause(seconds * (0.2 + 1.6 * Math.random()));
  }
}

const DO = {
  talk(command) {
    isTalking = true;
    talking = talk(command);
  },
  async stop() {
    isTalking = false;
    await talking;
    await client.outbox.empty();
    say({ stopped: true });
  },
  async show({ chat: id }) {
    const chat = client.chat(id);
    const shown = chat.messages;
    const loaded = await chat.load(MOST_SHOWN);
    const count = Math.min(shown.length, loaded.length);
    say({ shown: id, count, messages: shown.slice(-count), loaded: loaded.slice(-count) });
  },
};

await client.untilReady();
say({ user: client.user });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  await DO[command.do](command);
}
process.exit(0);
