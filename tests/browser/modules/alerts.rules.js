import { AlertChoice } from "/web/background/alert-choice.js";
import { Alerts } from "/web/background/alerts.js";
import { learnTime } from "/web/state/server-time.js";
import { StandingClock, rule, same, settle } from "./checks.js";

const ME = "me";
const NAMES = { me: "ann", bob: "bob", cleo: "cleo" };

/** What a browser shows, by chat. */
class Worker {
  shown = new Map();
  told = 0;

  async showNotification(title, options) {
    this.told += 1;
    const { tag } = options;
    this.shown.set(tag, { title, ...options, close: () => this.shown.delete(tag) });
  }

  async getNotifications({ tag } = {}) {
    return [...this.shown.values()].filter((one) => tag === undefined || one.tag === tag);
  }
}

class Choice extends AlertChoice {
  constructor({ permission = "granted", of = "all" }) {
    super();
    Object.defineProperty(this, "permission", { value: permission });
    Object.defineProperty(this, "of", { value: of });
  }
}

/** A browser with one permission, in which windows of the same user are opened. */
class Browser {
  clock = new StandingClock();
  worker = new Worker();
  me = `${ME} ${crypto.randomUUID()}`; // channels and locks are the browser's own
  windows = [];
  named = Promise.resolve(); // the names that are needed have come

  constructor(how = {}) {
    this.choice = new Choice(how);
  }

  /** `open` is the id of the chat in view there. */
  async window({ open = null } = {}) {
    const { clock, worker, choice } = this;
    const chats = new Map();
    const alerts = new Alerts({
      me: { id: this.me }, chats, clock, choice, locks: navigator.locks,
      names: { of: (id) => NAMES[id], namedIn: (text) => text, need: () => this.named },
      isAttended: (chat) => chat.id === open,
      worker: Promise.resolve(worker),
    });
    const window = { alerts, chats };
    this.windows.push(window);
    await this.spoken();
    return window;
  }

  /** One window holds the speaker lock, and all others wait for it. */
  async spoken() {
    const count = (locks) => locks.filter(({ name }) => name === `hubbub speaker ${this.me}`).length;
    for (;;) {
      const { held, pending } = await navigator.locks.query();
      if (count(held) === 1 && count(pending) === this.windows.length - 1) break;
      await ended(5);
    }
    await ended(5); // it has noticed that it holds the lock
  }

  /** The messages between windows have arrived: a channel keeps their order. */
  async heard() {
    const name = `hubbub alerts ${this.me}`;
    const [from, to] = [new BroadcastChannel(name), new BroadcastChannel(name)];
    await new Promise((resolve) => {
      to.onmessage = resolve;
      from.postMessage({});
    });
    from.close();
    to.close();
  }

  chat(id, { notify = "all", names = ["bob", "cleo"] } = {}) {
    const messages = new Map();
    const chat = {
      id, read: 0, unread: 0, mine: { notify },
      detail: {
        chatName: names.length === 1 ? `ann, ${names[0]}` : "Party",
        participants: [this.me, ...names], participantCount: names.length + 1,
      },
      timeline: { messageAt: (seq) => messages.get(seq) },
      say: (seq, rest) => {
        const at = new Date(this.clock.now()).toISOString();
        const event = { type: "message", seq, by: "bob", message: `line ${seq}`, at, ...rest };
        messages.set(seq, event);
        chat.unread += 1;
        for (const { alerts } of this.windows) alerts.heard(chat, event);
      },
    };
    for (const { chats } of this.windows) chats.set(id, chat);
    return chat;
  }

  async wait(ms = 600) {
    await this.heard();
    await this.clock.pass(ms);
    await settle();
  }

  get titles() {
    return [...this.worker.shown.values()].map(({ title, body }) => `${title}: ${body}`);
  }

  end() {
    for (const { alerts } of this.windows) alerts.end();
  }
}

function ended(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Users' names stay the same, whatever the id `me` in this browser. */
function inBrowser(sentence, check, how) {
  rule(sentence, async () => {
    const browser = new Browser(how);
    NAMES[browser.me] = "ann";
    try {
      await check(browser);
    } finally {
      browser.end();
    }
  });
}

inBrowser("a message is told with its chat and its author, and several of a chat in one place", async (browser) => {
  await browser.window();
  const chat = browser.chat("a");
  chat.say(1);
  await browser.wait();
  same(browser.titles, ["Party: bob: line 1"]);
  chat.say(2, { message: "**two**" });
  await browser.wait();
  same(browser.titles, ["Party (2 new): bob: two"]);
});

inBrowser("a name that comes late is waited for", async (browser) => {
  await browser.window();
  let come;
  browser.named = new Promise((resolve) => {
    come = resolve;
  });
  NAMES.dan = "…";
  browser.chat("a").say(1, { by: "dan" });
  await browser.wait();
  same(browser.titles, []);
  NAMES.dan = "dan";
  come();
  await settle();
  same(browser.titles, ["Party: dan: line 1"]);
});

inBrowser("nothing is told that was read, or whose user left, while a name was asked for", async (browser) => {
  const { alerts } = await browser.window();
  const comes = [];
  for (const id of ["a", "b"]) {
    browser.named = new Promise((resolve) => comes.push(resolve));
    const chat = browser.chat(id);
    chat.say(1);
    await browser.wait();
    if (id === "a") chat.read = 1;
  }
  comes[0]();
  await settle();
  same(browser.titles, []);
  alerts.end();
  browser.windows.shift();
  comes[1]();
  await settle();
  same(browser.titles, []);
});

inBrowser("several windows tell once, also when the one that spoke is gone", async (browser) => {
  const first = await browser.window();
  await browser.window();
  await browser.window();
  const chat = browser.chat("a");
  chat.say(1);
  await browser.wait();
  same(browser.worker.told, 1);
  first.alerts.end();
  browser.windows.shift();
  await browser.spoken();
  chat.say(2);
  await browser.wait();
  same(browser.worker.told, 2);
});

inBrowser("what is before somebody's eyes in any window is not told", async (browser) => {
  await browser.window();
  await browser.window({ open: "a" });
  browser.chat("a").say(1);
  browser.chat("b").say(1);
  await browser.wait();
  same([...browser.worker.shown.keys()], ["b"]);
});

inBrowser("what is read within the moment is not told, what is read later is taken back", async (browser) => {
  const { alerts } = await browser.window();
  const chat = browser.chat("a");
  chat.say(1);
  chat.read = 1;
  await browser.wait();
  same(browser.worker.told, 0);
  chat.say(2);
  await browser.wait();
  same(browser.titles.length, 1);
  chat.read = 2;
  alerts.tick(true);
  await settle();
  same(browser.titles, []);
});

inBrowser("own messages, old ones and changes are not told, and a deleted one not any more", async (browser) => {
  await browser.window();
  const chat = browser.chat("a");
  chat.say(1, { by: browser.me });
  chat.say(2, { at: new Date(browser.clock.now() - 3_600_000).toISOString() });
  for (const { alerts } of browser.windows) {
    alerts.heard(chat, { type: "reaction.added", seq: 3, of: 2, by: "bob", emoji: "👍" });
  }
  await browser.wait();
  same(browser.worker.told, 0);
  chat.say(4);
  await browser.wait();
  for (const { alerts } of browser.windows) {
    alerts.heard(chat, { type: "message.deleted", seq: 5, of: 4, by: "bob" });
  }
  await settle();
  same([browser.worker.told, browser.titles], [1, []]);
});

inBrowser("a message is old by the server's time, whatever the device's clock says", async (browser) => {
  await browser.window();
  const chat = browser.chat("a");
  const anHourAgo = () => new Date(browser.clock.now() - 3_600_000).toISOString();
  learnTime(new Date(Date.now() - 3_600_000).toUTCString());
  try {
    chat.say(1, { at: anHourAgo() }); // by this clock; by the server's it is new
    await browser.wait();
    same(browser.titles, ["Party: bob: line 1"]);
    learnTime(null); // an answer without a date changes nothing
    chat.say(2, { at: anHourAgo() });
    await browser.wait();
    same(browser.titles, ["Party (2 new): bob: line 2"]);
  } finally {
    learnTime(new Date().toUTCString());
  }
  chat.say(3, { at: anHourAgo() });
  await browser.wait();
  same(browser.titles, ["Party (2 new): bob: line 2"]);
});

inBrowser("nothing is told without the browser's leave", async (browser) => {
  await browser.window();
  browser.chat("a").say(1);
  await browser.wait();
  same(browser.worker.told, 0);
}, { permission: "default" });

rule("a chat's own choice and the person's both count, and a mention is for the person", () => {
  const wants = (of, notify, isMention, isDirect = false) => {
    return new Choice({ of }).wants({ isMention, isDirect, notify });
  };
  same([wants("all", "all", false), wants("all", "mentions", false), wants("all", "none", true)],
    [true, false, false]);
  same([wants("mentions", "all", false), wants("mentions", "all", true),
    wants("mentions", "all", false, true)], [false, true, true]);
  same([wants("none", "all", true), wants("all", "mentions", true)], [false, true]);
});
