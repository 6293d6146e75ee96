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
const lazy = new Lazy();
const api = new Api({ fetch: fetcher, session, clock });

async function askWho(notice) {
  document.title = "Hubbub";
  const { EntryForm } = await lazy.load();
  const form = new EntryForm({ session, notice, onEntered: enter });
  place.replaceChildren(form.node);
  form.focus();
}

async function enter(me) {
  await patiently(async () => {
    const { database, isLasting } = await openDatabase(`hubbub ${me.id}`);
    const parts = { me, api, session, clock, database, lazy, onSignedOut: askWho };
    const workspace = new Workspace(parts);
    await workspace.start((node) => place.replaceChildren(node));
    if (!isLasting) workspace.say("This browser keeps nothing: unsent messages do not survive a reload.");
  });
}

/** Does something until the server can be reached; whoever is signed out is asked who they are. */
async function patiently(errand) {
  for (;;) {
    try {
      await errand();
      return;
    } catch (error) {
      if (error.code === undefined) throw error;
      if (error.final) {
        await askWho("");
        return;
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
    await askWho("");
    return;
  }
  let me;
  await patiently(async () => {
    me = await api.me();
  });
  if (me) await enter(me);
}
