import { READY, Socket, line, open } from "./line.js";
import { rule, same, settle } from "./checks.js";

rule("every code that means come back leads to another connect", async () => {
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4001, 4003, 4006, 4008, 4010]) {
    const parts = line();
    const socket = await open(parts);
    socket.hear(READY);
    socket.end(code);
    await parts.clock.pass(30_000);
    same([code, Socket.made.length > 1], [code, true]);
  }
});

rule("every code that means stop is told and not followed by another connect", async () => {
  for (const code of [1002, 1003, 1007, 1008, 1009, 4500, 4501, 4502, 4503, 4509]) {
    const parts = line();
    const socket = await open(parts);
    socket.hear(READY);
    socket.end(code);
    await parts.clock.pass(120_000);
    same([Socket.made.length, parts.heard.states.at(-1)], [1, `stopped ${code}`]);
  }
});

async function delaysOf(parts) {
  const delays = [];
  await open(parts);
  for (let attempt = 0; attempt < 9; attempt += 1) {
    const count = Socket.made.length;
    Socket.made.at(-1).end(1006);
    let waited = 0;
    while (Socket.made.length === count) {
      await parts.clock.pass(250);
      waited += 250;
    }
    delays.push(waited);
  }
  return delays;
}

rule("the wait doubles up to half a minute, and chance is drawn after the cap", async () => {
  same(await delaysOf(line({ random: () => 0.5 })),
    [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
});

rule("who looks at the page waits five seconds at most, and is told how long", async () => {
  const parts = line({ random: () => 1, isWatched: true });
  same(await delaysOf(parts),
    [500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000, 5_000]);
  Socket.made.at(-1).end(1006);
  same(parts.connection.backAt - parts.clock.now(), 5_000);
});

rule("the wait starts anew only when ready has held for five seconds", async () => {
  for (const [heldMs, waitMs] of [[4_999, 1_000], [5_000, 125]]) {
    const parts = line({ random: () => 0.5 });
    await open(parts);
    for (let failures = 0; failures < 2; failures += 1) {
      Socket.made.at(-1).end(1006);
      await parts.clock.pass(1_000);
    }
    Socket.made.at(-1).onopen({});
    Socket.made.at(-1).hear(READY);
    await parts.clock.pass(heldMs);
    const count = Socket.made.length;
    Socket.made.at(-1).end(1006);
    await parts.clock.pass(waitMs - 1);
    same(Socket.made.length, count);
    await parts.clock.pass(1);
    same(Socket.made.length, count + 1);
  }
});

rule("a draining node says how long to wait, in digits only", async () => {
  for (const [reason, waitMs] of [["1234", 1_234], ["soon", 250], ["12 s", 250], ["1e3", 250]]) {
    const parts = line({ random: () => 0.5 });
    const socket = await open(parts);
    socket.hear(READY);
    socket.end(4001, reason);
    await parts.clock.pass(waitMs - 1);
    same([reason, Socket.made.length], [reason, 1]);
    await parts.clock.pass(1);
    same([reason, Socket.made.length], [reason, 2]);
  }
});

rule("the wait ends at once when the network is back or somebody looks", async () => {
  const parts = line({ random: () => 1 });
  const socket = await open(parts);
  socket.end(1006);
  parts.connection.hurry();
  await settle();
  same(Socket.made.length, 2);
});

rule("one outage has one beginning, however many attempts it takes", async () => {
  const parts = line();
  const socket = await open(parts);
  socket.hear(READY);
  await parts.clock.pass(7_000);
  const began = parts.clock.now();
  socket.end(1006);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await parts.clock.pass(20_000);
    if (parts.connection.state === "connecting") Socket.made.at(-1).end(1006);
  }
  same(parts.connection.since, began);
});

rule("a token that the server has no time for is asked for when it says, within a minute", async () => {
  for (const [named, waitMs] of [[undefined, 250], [7, 7_000], [3_600, 60_000]]) {
    let asked = 0;
    const parts = line({
      isWatched: true,
      token: async () => {
        asked += 1;
        throw Object.assign(new Error("away"), { retryAfter: named });
      },
    });
    parts.connection.open();
    await settle();
    await parts.clock.pass(waitMs - 1);
    same([named, asked], [named, 1]);
    await parts.clock.pass(1);
    same([named, asked], [named, 2]);
  }
});

rule("an address to which no socket can be made is tried again, as one that is not reached", async () => {
  let tries = 0;
  const parts = line({
    WebSocket: class {
      constructor() {
        tries += 1;
        throw new SyntaxError("no address of a server");
      }
    },
  });
  await parts.connection.open();
  same([parts.connection.state, tries], ["waiting", 1]);
  await parts.clock.pass(250);
  same([parts.connection.state, tries], ["waiting", 2]);
});
