import { Live } from "/web/state/live.js";
import { READY, Socket, line, open } from "./line.js";
import { StandingClock, rule, same, settle } from "./checks.js";

rule("an error of the socket is heard, which would end a node program on the package ws", async () => {
  const { connection } = line();
  await connection.open();
  same(typeof Socket.made[0].onerror, "function");
});

rule("the first frame is connect with the token and the seq of each chat", async () => {
  const socket = await open(line());
  same(socket.protocol, "chat.v1");
  same(socket.sent, [{ type: "connect", token: "token 1", resume: { c: 7 } }]);
});

rule("nothing is sent before ready, everything after it", async () => {
  const parts = line();
  const socket = await open(parts);
  same(parts.connection.send({ type: "typing", chat: "c" }), false);
  socket.hear(READY);
  same(parts.connection.send({ type: "typing", chat: "c" }), true);
  same(socket.sent.at(-1), { type: "typing", chat: "c" });
});

rule("several objects in a frame are heard in their order", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY, { type: "message" }, { type: "sent" });
  same(parts.heard.frames, ["message", "sent"]);
  same(parts.heard.ready, [{ resume: { c: 7 }, awayMs: 0 }]);
});

rule("who hears ready is told what was said for it, the epoch among it", async () => {
  const parts = line({ hello: () => ({ resume: {}, epoch: "one" }) });
  const socket = await open(parts);
  same(socket.sent[0].epoch, "one");
  socket.hear({ ...READY, epoch: "two" });
  same(parts.heard.ready, [{ resume: {}, epoch: "one", awayMs: 0 }]);
});

rule("what stands behind the frame that ended it is not heard", async () => {
  const parts = line();
  const socket = await open(parts);
  parts.heard.ready.push = () => parts.connection.close();
  socket.hear(READY, { type: "message" });
  same(parts.heard.frames, []);
});

rule("a network that is said to be gone is asked, and given up after two seconds", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  parts.connection.doubt();
  same(socket.sent.at(-1), { type: "ping" });
  await parts.clock.pass(1_999);
  same(parts.connection.state, "ready");
  await parts.clock.pass(1);
  same([socket.closed, parts.connection.state], [true, "waiting"]);
});

rule("a server that answers is there, whatever the browser says of the network", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  parts.connection.doubt();
  socket.hear({ type: "pong" });
  await parts.clock.pass(3_000);
  same(parts.connection.state, "ready");
});

rule("hurrying ends an attempt that has been stuck for more than two seconds", async () => {
  const parts = line();
  const socket = await open(parts);
  await parts.clock.pass(2_001);
  parts.connection.hurry();
  await settle();
  same([socket.closed, Socket.made.length], [true, 2]);
});

rule("hurrying asks a silent socket for a pong, and leaves a talkative one alone", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  parts.connection.hurry();
  same(socket.sent.length, 1);
  await parts.clock.pass(6_000);
  parts.connection.hurry();
  same(socket.sent.at(-1), { type: "ping" });
});

rule("a token that has expired is renewed before the next connect", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  socket.end(4003);
  await parts.clock.pass(1_000);
  same(parts.tokens, [false, true]);
});

rule("a warning of expiry brings a fresh token to the same socket", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  socket.hear({ type: "expiring", seconds: 60 });
  await settle();
  same(socket.sent.at(-1), { type: "refresh", token: "token 2" });
  same(parts.tokens, [false, true]);
});

rule("a fresh token that does not come is asked for again while the socket lasts", async () => {
  let failures = 2;
  const parts = line({
    token: async ({ renew }) => {
      if (!renew || failures-- <= 0) return renew ? "new" : "old";
      throw new Error("away");
    },
  });
  const socket = await open(parts);
  socket.hear(READY, { type: "expiring", seconds: 60 });
  await settle();
  await parts.clock.pass(9_999);
  same(socket.sent.length, 1);
  await parts.clock.pass(1);
  same(socket.sent.at(-1), { type: "refresh", token: "new" });
  failures = 1;
  socket.hear({ type: "expiring", seconds: 60 });
  await settle();
  socket.end(1006);
  same(parts.clock.waiting, 1);
});

rule("no token for ever means signed out; no token for now means try again", async () => {
  const over = Object.assign(new Error("over"), { final: true });
  const signedOut = line({ token: async () => { throw over; } });
  signedOut.connection.open();
  await settle();
  same(signedOut.heard.states.at(-1), "stopped 4502");
  const away = line({ token: async () => { throw new Error("away"); } });
  away.connection.open();
  await settle();
  same(away.heard.states.at(-1), "waiting");
});

rule("after pingSeconds of silence it pings, without an answer it reconnects", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  await parts.clock.pass(24_000);
  socket.hear({ type: "message" });
  await parts.clock.pass(24_999);
  same(socket.sent.length, 1);
  await parts.clock.pass(1);
  same(socket.sent.at(-1), { type: "ping" });
  await parts.clock.pass(9_000);
  socket.hear({ type: "pong" });
  await parts.clock.pass(24_000);
  same([socket.closed, parts.connection.state], [false, "ready"]);
  await parts.clock.pass(12_000);
  same(socket.closed, true);
  same(Socket.made.length, 2);
});

rule("a clock that is put back by months delays no ping and makes no haste", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  parts.clock.putBack(40 * 86_400_000);
  await parts.clock.pass(50_000);
  same(socket.sent.at(-1), { type: "ping" });
  same(parts.clock.longest <= 25_000, true);
});

rule("a machine that has slept soon asks whether the server is still there", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  await parts.clock.pass(1_000);
  parts.clock.sleep(8 * 3_600_000);
  await parts.clock.pass(4_000);
  same(socket.sent.at(-1), { type: "ping" });
  await parts.clock.pass(1_999);
  same(socket.closed, false);
  await parts.clock.pass(1);
  same([socket.closed, parts.connection.state], [true, "waiting"]);
});

rule("who looks again at a page that slept does not wait long for a dead socket", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  parts.clock.sleep(8 * 3_600_000);
  parts.connection.hurry();
  same(socket.sent.at(-1), { type: "ping" });
  await parts.clock.pass(2_000);
  same([socket.closed, parts.connection.state], [true, "waiting"]);
});

rule("a socket that does not become ready is given up after twelve seconds", async () => {
  const parts = line();
  const socket = await open(parts);
  await parts.clock.pass(12_000);
  same([socket.closed, parts.connection.state], [true, "waiting"]);
});

rule("what an abandoned socket says later is not heard", async () => {
  const parts = line();
  const socket = await open(parts);
  await parts.clock.pass(12_000);
  socket.hear(READY);
  socket.end(4502);
  same(parts.connection.state, "waiting");
});

rule("closing ends it for good", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  parts.connection.close();
  same([socket.closed, parts.connection.state], [true, "stopped"]);
  await parts.clock.pass(60_000);
  same(Socket.made.length, 1);
});

rule("a token that was refused is renewed, unless the session has ended here by then", async () => {
  for (const hasEnded of [false, true]) {
    Socket.made = [];
    let renewed;
    const renewal = new Promise((resolve) => { renewed = resolve; });
    const live = new Live({
      me: { id: "u" }, api: {}, clock: new StandingClock(), random: () => 0.5, WebSocket: Socket,
      url: "ws://here/ws", isWatched: () => false, hear: { changed() {} },
      session: { rest: { accessToken: async () => "t", renew: () => renewal } },
      database: { all: async () => [] },
    });
    live.loadPatiently({ me: new Promise(() => {}), chats: null });
    await settle();
    Socket.made[0].onopen({});
    Socket.made[0].end(4500);
    await settle();
    if (hasEnded) await live.end();
    renewed();
    await settle();
    same([hasEnded, Socket.made.length], [hasEnded, hasEnded ? 1 : 2]);
  }
});

rule("a deletion asks for a token, as the page may close before it is made", async () => {
  let asked = 0;
  const live = new Live({
    me: { id: "u" }, api: {}, clock: new StandingClock(), random: () => 0.5, WebSocket: Socket,
    url: "ws://here/ws", isWatched: () => false, hear: { changed() {} },
    session: { rest: { accessToken: async () => { asked += 1; } } },
    database: { put: async () => {} },
  });
  live.postDeletion({ id: "c", timeline: { write() {} } }, { of: 1, messageId: "m" });
  same(asked, 1);
  await live.end();
});
