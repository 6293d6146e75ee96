// A program that uses every type that the client exports. Compiled against the installed package,
// never run.
import {
  BrowserStore,
  Client,
  fold,
  HubbubError,
  MemoryStore,
  NoAnswer,
  NotFound,
  RateLimited,
  Refused,
  replyKey,
  Stopped,
  type Event,
  type Message,
  type Moment,
  type Store,
} from "hubbub-client";
import { clientFromEnvironment, FileStore } from "hubbub-client/node";

const stores: Store[] = [new MemoryStore(), new BrowserStore("mine"), new FileStore("/tmp/x")];

function told(moment: Moment): string {
  switch (moment.type) {
    case "typing":
      return moment.user;
    case "presence":
      return Object.values(moment.users).join();
    case "read":
      return String(moment.upTo);
    case "mine":
      return moment.notify;
  }
}

function textOf(event: Event): string {
  switch (event.type) {
    case "message":
    case "message.edited":
      return event.message;
    case "reaction.added":
      return event.emoji + event.of.toFixed();
    case "participant.added":
      return event.users.join();
    case "chat.created":
      return event.owner ?? event.chatName;
    default:
      return event.at;
  }
}

export async function everything(store: Store): Promise<number> {
  const client = await Client.open({ origin: "http://127.0.0.1:8000", store });
  await client.signUp({ username: "ann", email: "ann@example.org" });
  await client.logIn({ username: "ann", password: "correct horse" });
  await client.untilReady();
  const made = await client.createChat("talk", "bob", "cat");
  const chat = client.chat((await client.directChat("bob")).id);
  const { messageId, seq } = await chat.send("hello", { replyTo: "m", mentions: [client.user] });
  await chat.edit(messageId, "hello!", { mentions: [] });
  await chat.react(messageId, "👍");
  await chat.unreact(messageId, "👍");
  await chat.read(seq);
  await chat.markUnread(seq);
  chat.typing();
  await made.add("dan", "eve");
  await made.remove("eve");
  await made.rename("all");
  const file = await chat.upload("a.txt", "text", { onProgress: (part) => part.toFixed() });
  const shown: number = file.preview ? (file.width ?? 0) * (file.height ?? 0) : file.size;
  console.log(shown);
  await chat.send("", { attachments: [file.id], key: await replyKey({ chat: chat.id, seq }) });
  for await (const piece of chat.download(file.id)) piece.byteLength;
  for await (const piece of client.rest.download("/api/user/u/avatar")) piece.byteLength;
  const loaded: Message[] = await chat.load(20);
  if (chat.hasOlder) await chat.loadOlder();
  const { messages, next } = await client.search("hello", { chat: chat.id, by: client.user, before: null });
  await chat.delete(messageId);
  await made.leave();
  client.watch("bob");
  const key = await client.pushKey();
  const asked = { userVisibleOnly: true, applicationServerKey: key ?? "" };
  const worker = await navigator.serviceWorker.ready;
  await client.savePush(await worker.pushManager.subscribe(asked), { level: "mentions" });
  await client.dropPush();
  for await (const moment of client.moments()) {
    told(moment);
    break;
  }
  const events: Event[] = [];
  try {
    for await (const event of client.events()) {
      if (event.type === "restarted") client.hurry();
      else if (events.push(event) > 9) break;
      else textOf(event);
    }
  } catch (error) {
    if (error instanceof Stopped) return error.code;
    if (error instanceof NotFound || error instanceof RateLimited) return error.retryAfter;
    if (error instanceof NoAnswer) return 0;
    if (error instanceof Refused) return error.errors.length;
    if (error instanceof HubbubError) throw error;
  }
  await client.outbox.empty();
  const status = await client.rest.call("GET", "/api/user/me", undefined, { repeatMs: 0 });
  await client.logOut();
  await client.close();
  return fold([...loaded, ...messages], events).length + (next ?? "").length + Number(status.x);
}

export const bot = await clientFromEnvironment({ store: stores[0]! }, { HUBBUB_USERNAME: "robot" });

// @ts-expect-error - a client is made by opening it
new Client();
// @ts-expect-error - a text is required
bot.chat("c").send();
