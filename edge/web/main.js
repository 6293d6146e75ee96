/**
 * The beginning of the page: goes on with the session that this browser has, or asks who is there.
 */
import { openDatabase } from "./database.js";
import { element } from "./element.js";
import { Lazy } from "./lazy.js";
import { refusalInWords } from "./words.js";
import { Workspace } from "./workspace.js";

const RETRY_MS = 2_000;

const place = document.getElementById("page");

class Visit {
  #session;
  #api;
  #clock;
  #lazy = new Lazy({ onFailure() {} });

  constructor({ session, api, clock }) {
    this.#session = session;
    this.#api = api;
    this.#clock = clock;
  }

  /** Whoever was signed out is asked who they are, as soon as there is something to ask with. */
  signedOut(notice) {
    this.#patiently(() => this.#askWho(notice));
  }

  /** `asked` is the `beginning` of an `Api`, `kept` what this browser knows of the person. */
  async begin(asked, kept) {
    const known = await kept;
    if (known) {
      await this.#enter(known.me, asked, known.opened);
      return;
    }
    let next = asked;
    let me = null;
    await this.#patiently(async () => {
      const now = next ?? this.#api.beginning();
      next = null;
      me = await now.me;
      next = now;
    });
    if (me) await this.#enter(me, next);
  }

  async #askWho(notice) {
    document.title = "Hubbub";
    const { EntryForm } = await this.#lazy.load();
    const form = new EntryForm({
      session: this.#session, notice, onEntered: (me) => this.#enter(me, this.#api.beginning()),
    });
    place.replaceChildren(form.node);
    form.focus();
  }

  async #enter(me, asked, opened) {
    this.#session.belongsTo(me.id);
    let next = asked;
    await this.#patiently(async () => {
      const { database, isLasting } = opened ?? await openDatabase(`hubbub ${me.id}`);
      const workspace = new Workspace({
        me, api: this.#api, session: this.#session, clock: this.#clock, database,
        onSignedOut: (notice) => this.signedOut(notice),
      });
      const now = next ?? this.#api.beginning();
      next = null;
      await workspace.start((node) => place.replaceChildren(node), now);
      if (!isLasting) workspace.say("Unsent messages do not survive a reload in this browser.");
    });
  }

  /** Does something until the server can be reached; whoever is signed out is asked who they are. */
  async #patiently(errand) {
    for (let next = errand; ; ) {
      try {
        await next();
        return;
      } catch (error) {
        if (error.code === undefined) throw error;
        if (error.final) {
          next = () => this.#askWho("");
          continue;
        }
        const words = refusalInWords(error);
        place.replaceChildren(element("p", { class: "waiting", role: "status" }, words));
      }
      await new Promise((resolve) => this.#clock.after(RETRY_MS, resolve));
    }
  }
}

/** Shows who is signed in their chats, everybody else the form; `asked` is null for the latter. */
export function start({ session, api, clock, asked, kept }) {
  const visit = new Visit({ session, api, clock });
  if (asked === null) visit.signedOut("");
  else visit.begin(asked, kept);
}
