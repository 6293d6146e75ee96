import { AlertChoice } from "/web/background/alert-choice.js";
import { browserOf, helpWhereBlocked, helpWhereImpossible } from "/web/person/alert-help.js";
import { Push } from "/web/background/push.js";
import { rule, same } from "./checks.js";

const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
const SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15";
const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0";
const KEY = "BAECAwQ";
const PATH = "/api/user/me/push";

class Choice extends AlertChoice {
  constructor(of, permission) {
    super();
    const choice = { of, permission, isLoud: false };
    for (const [name, value] of Object.entries(choice)) Object.defineProperty(this, name, { value });
  }
}

/** A browser with a push service, or one that cannot reach it; `done` lists its actions. */
function browserWith({ of = "all", permission = "granted", key = KEY, known = null, fails = false }) {
  const done = [];
  const make = (text) => ({
    options: { applicationServerKey: new TextEncoder().encode(text).buffer },
    toJSON: () => ({ endpoint: "https://push.example.org/x", keys: { auth: "a", p256dh: "b" } }),
    unsubscribe: async () => done.push("unsubscribe"),
  });
  const pushManager = {
    getSubscription: async () => known && make(known),
    async subscribe({ userVisibleOnly, applicationServerKey }) {
      if (fails) throw new DOMException("no push service", "AbortError");
      done.push(`subscribe ${userVisibleOnly} ${applicationServerKey}`);
      return make("new");
    },
  };
  const api = {
    async call(method, path, { body } = {}) {
      same(path, PATH);
      done.push(body ? `${method} ${JSON.stringify(body)}` : method);
      return { publicKey: key };
    },
  };
  const worker = Promise.resolve({ pushManager });
  return { done, push: new Push({ api, choice: new Choice(of, permission), worker }) };
}

const SAVED = "PUT " + JSON.stringify({
  endpoint: "https://push.example.org/x", keys: { auth: "a", p256dh: "b" }, level: "all",
  silent: true,
});

rule("who wants to be told is subscribed, with what they want", async () => {
  const { push, done } = browserWith({});
  same(await push.keep(), true);
  same(done, ["GET", `subscribe true ${KEY}`, SAVED]);
});

rule("a subscription with the server's key stays, one with another key does not", async () => {
  const kept = browserWith({ key: btoa("abc"), known: "abc" });
  same(await kept.push.keep(), true);
  same(kept.done, ["GET", SAVED]);
  const other = browserWith({ key: btoa("abc"), known: "abd" });
  same(await other.push.keep(), true);
  same(other.done, ["GET", "unsubscribe", `subscribe true ${btoa("abc")}`, SAVED]);
});

rule("nobody is asked, and nothing is done without permission", async () => {
  for (const permission of ["default", "denied"]) {
    const { push, done } = browserWith({ permission });
    same(await push.keep(), false);
    same(done, []);
  }
});

rule("who wants nothing is told nothing", async () => {
  const { push, done } = browserWith({ of: "none", known: "abc" });
  same(await push.keep(), false);
  same(done, ["unsubscribe", "DELETE"]);
});

rule("a server that sends none, and a browser without a push service, are no failure", async () => {
  const off = browserWith({ key: null });
  same(await off.push.keep(), false);
  same(off.done, ["GET"]);
  const alone = browserWith({ fails: true });
  same(await alone.push.keep(), false);
  same(alone.done, ["GET"]);
});

rule("what waits for this browser is shown to nobody after a log-out", async () => {
  const { push, done } = browserWith({ known: "abc" });
  await push.end();
  same(done, ["unsubscribe"]);
});

rule("each browser has its own way to allow what was blocked", () => {
  const found = [
    [`${MAC} ${CHROME} Safari/537.36`, 0], [`Mozilla/5.0 (Linux; Android 10; K) ${CHROME} Mobile`, 5],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", 0],
    [`${MAC} ${SAFARI}`, 0], [`${MAC} ${SAFARI}`, 5],
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) ${SAFARI}`, 5], ["Lynx/2.9", 0],
  ].map(([userAgent, maxTouchPoints]) => browserOf({ userAgent, maxTouchPoints }));
  same(found, ["chrome", "android", "firefox", "safari", "ios", "ios", "other"]);
});

rule("on a phone of Apple's only the installed app has notifications", () => {
  const iphone = { userAgent: "iPhone", maxTouchPoints: 5 };
  same(/Add to Home Screen/u.test(helpWhereImpossible(iphone)), true);
  same(/Settings app/u.test(helpWhereBlocked(iphone)), true);
  same(/https/u.test(helpWhereImpossible({ userAgent: CHROME, maxTouchPoints: 0 })), true);
});
