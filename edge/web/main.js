/**
 * The beginning of the page: goes on with the session that this browser has, or asks who is there.
 */
import { Api } from "./api.js";
import { openDatabase } from "./database.js";
import { element } from "./element.js";
import { Lazy } from "./lazy.js";
import { Session } from "./session.js";
import { refusalInWords } from "./words.js";
import { Workspace } from "./workspace.js";

const RETRY_MS = 2_000;

const clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
const place = document.getElementById("page");
const fetcher = (path, request) => fetch(path, request);
const session = new Session({ fetch: fetcher, locks: navigator.locks, now: clock.now });
const api = new Api({ fetch: fetcher, session, clock });
const lazy = new Lazy({ onFailure() {} });

async function askWho(notice) {
  document.title = "Hubbub";
  const { EntryForm } = await lazy.load();
  const form = new EntryForm({ session, notice, onEntered: enter });
  place.replaceChildren(form.node);
  form.focus();
}

/** Whoever was signed out is asked who they are, as soon as there is something to ask with. */
function signedOut(notice) {
  patiently(() => askWho(notice));
}

/** `firstChats` are asked for before it is known who somebody is, since they wait for the same. */
async function enter(me, firstChats = api.chats()) {
  let chats = firstChats;
  await patiently(async () => {
    const { database, isLasting } = await openDatabase(`hubbub ${me.id}`);
    const workspace = new Workspace({ me, api, session, clock, database, onSignedOut: signedOut });
    const asked = chats;
    chats = undefined;
    await workspace.start((node) => place.replaceChildren(node), asked ?? api.chats());
    if (!isLasting) workspace.say("Unsent messages do not survive a reload in this browser.");
  });
}

/** Does something until the server can be reached; whoever is signed out is asked who they are. */
async function patiently(errand) {
  for (let next = errand; ; ) {
    try {
      await next();
      return;
    } catch (error) {
      if (error.code === undefined) throw error;
      if (error.final) {
        next = () => askWho("");
        continue;
      }
      const words = refusalInWords(error);
      place.replaceChildren(element("p", { class: "waiting", role: "status" }, words));
    }
    await new Promise((resolve) => clock.after(RETRY_MS, resolve));
  }
}

/** Shows who is signed in their chats, everybody else the form. */
export async function start() {
  if (!(await session.mayBeThere())) {
    signedOut("");
    return;
  }
  let me;
  let firstChats;
  await patiently(async () => {
    firstChats = api.chats();
    firstChats.catch(() => {}); // whoever waits for them hears of it
    me = await api.me();
  });
  if (me) await enter(me, firstChats);
}
