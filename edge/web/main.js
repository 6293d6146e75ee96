/**
 * The start of the page: continues this browser's session, or shows the entry form.
 */
import { openDatabase } from "./storage/database.js";
import { element } from "./parts/element.js";
import { Api } from "./state/api.js";
import { Instance } from "./state/instance.js";
import { Lazy } from "./frame/lazy.js";
import { forgetLink } from "./entry/link.js";
import { noEntryInWords } from "./text/words.js";
import { Workspace } from "./frame/workspace.js";

const RETRY_MS = 2_000;

const place = document.getElementById("page");

class Visit {
  #session;
  #api;
  #clock;
  #link; // until it has been followed or found broken
  #instance = new Instance({ fetch: (path, request) => fetch(path, request) });
  #door = new Lazy({ name: "door", styles: ["talk.css", "later.css"], onFailure() {} });

  constructor({ session, api, clock, link }) {
    this.#session = session;
    this.#api = api;
    this.#clock = clock;
    this.#link = link;
  }

  /** Shows the entry form to a signed-out user as soon as it is loaded. */
  signedOut(notice) {
    this.#patiently(() => this.#askWho(notice));
  }

  /**
   * `asked` is the `beginning` of an `Api`, `kept` what this browser has stored about the person.
   */
  async begin(asked, kept, notice = "") {
    this.#instance.load();
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
    }, notice);
    if (me) await this.#enter(me, next);
  }

  async #askWho(notice) {
    const [{ EntryForm }] = await Promise.all([this.#door.load(), this.#instance.load()]);
    document.title = this.#instance.name;
    const form = new EntryForm({
      session: this.#session, api: this.#api, instance: this.#instance, link: this.#link, notice,
      onEntered: (me, link) => {
        this.#link = link;
        this.#enter(me, this.#api.beginning());
      },
      onReset: () => this.#again("Your password is set. Log in with it."),
    });
    place.replaceChildren(form.node);
    form.focus();
  }

  /** A user who reset a password may still be signed in here as somebody else. */
  async #again(notice) {
    this.#link = null;
    forgetLink();
    if (await this.#session.mayBeThere()) await this.begin(this.#api.beginning(), null, notice);
    else this.signedOut(notice);
  }

  async #enter(me, asked, opened) {
    this.#session.belongsTo(me.id);
    let next = asked;
    let said = "";
    await this.#patiently(async () => {
      if (this.#link !== null) {
        said = await this.#follow();
        next = null; // the earlier request lacks the chat that it led to
      }
      const { database, isLasting } = opened ?? await openDatabase(`hubbub ${me.id}`);
      const workspace = new Workspace({
        me, api: new Api({ rest: this.#session.rest }), session: this.#session,
        clock: this.#clock, database, instance: this.#instance,
        onSignedOut: (notice) => this.signedOut(notice),
      });
      const now = next ?? this.#api.beginning();
      next = null;
      await workspace.start((node) => place.replaceChildren(node), now);
      if (!isLasting) workspace.say("Unsent messages do not survive a reload in this browser.");
      if (said) workspace.say(said);
    });
  }

  /** Follows the entry link; returns the text to show about it. */
  async #follow() {
    const { followLink } = await this.#door.load();
    const said = await followLink(this.#link, { api: this.#api, instance: this.#instance });
    this.#link = null;
    return said;
  }

  /** Retries something until the server can be reached; shows the entry form if signed out. */
  async #patiently(errand, notice = "") {
    for (let next = errand; ; ) {
      try {
        await next();
        return;
      } catch (error) {
        if (error.code === undefined) throw error;
        if (error.final) {
          next = () => this.#askWho(notice);
          continue;
        }
        const words = noEntryInWords(error, location.origin);
        place.replaceChildren(element("p", { class: "waiting", role: "status" }, words));
      }
      await new Promise((resolve) => this.#clock.after(RETRY_MS, resolve));
    }
  }
}

/**
 * Shows the chats to a signed-in user, otherwise the form; then `asked` is null. `link` is what
 * `takeLink` found.
 */
export function start({ session, api, clock, link, asked, kept }) {
  const visit = new Visit({ session, api, clock, link });
  if (asked === null) visit.signedOut("");
  else visit.begin(asked, kept);
}
