/** A program on the client; the rules play its server. */
import { Client } from "/web/client/client.js";
import { MemoryStore } from "/web/client/store.js";
import { StandingClock, answered, settle } from "./checks.js";
import { PlayedSocket } from "./played.js";

class Socket extends PlayedSocket {
  constructor(line) {
    super();
    line.push(this);
    queueMicrotask(() => this.onopen({}));
  }
}

export const READY = {
  type: "ready", protocol: "chat.v1", user: "ann", epoch: "e", chats: { c: 5 }, behind: [],
  pingSeconds: 25,
};
export const message = (seq, rest = {}) => ({
  type: "message", chat: "c", seq, at: `t${seq}`, by: "bob", messageId: `m${seq}`,
  message: `text ${seq}`, ...rest,
});
const TOKENS = { user: "ann", access: "a", refresh: "r", expires: 1e15 };

/** A client served by the rule: `answers(method, path)` returns `[status, body, headers]`. */
export async function somebody({
  store = new MemoryStore(), answers = () => [404, {}], tokens = TOKENS,
} = {}) {
  if (tokens !== null) await store.put("session", JSON.stringify(tokens));
  const sockets = [];
  const calls = [];
  const clock = new StandingClock();
  const client = await Client.open({
    store, clock, random: () => 0.5, origin: "http://there",
    WebSocket: class extends Socket {
      constructor() {
        super(sockets);
      }
    },
    fetch: async (path, { method, body }) => {
      const name = path.replace("http://there", "");
      calls.push([method, name, body && JSON.parse(body)]);
      return answered(...(await answers(method, name)));
    },
  });
  await settle();
  return { client, clock, store, sockets, calls, socket: () => sockets.at(-1) };
}

/** What `events` yields to a program. */
export function listen(client, most = Infinity) {
  const had = { seqs: [], error: null };
  (async () => {
    try {
      for await (const event of client.events()) {
        had.seqs.push(event.seq ?? event.type);
        if (had.seqs.length >= most) await new Promise(() => {});
      }
    } catch (error) {
      had.error = error;
    }
  })();
  return had;
}

export const long = async () => {
  for (let turn = 0; turn < 20; turn += 1) await settle();
};

export const until = async (isSo) => {
  for (let turn = 0; !isSo(); turn += 1) {
    if (turn === 10_000) throw new Error("it never came to this");
    await settle();
  }
};
