/**
 * Everything behind the views of one person: chats, names, marks, outbox and the socket, and their
 * connections. Knows no DOM.
 */
import { Chats } from "./chats.js";
import { Connection } from "../client/connection.js";
import { newId } from "../client/ids.js";
import { KeptLogs } from "../storage/kept-logs.js";
import { Marks } from "../storage/marks.js";
import { Names } from "./names.js";
import { Outbox } from "./outbox.js";
import { Presence } from "./presence.js";
import { Sender } from "./sender.js";
import { Tabs } from "./tabs.js";
import { notSentInWords, otherOf } from "../text/words.js";

const UNAUTHENTICATED = 4500;
const REVOKED = 4502;
const PROVE_EVERY_MS = 60_000;
const RETRY_MS = 2_000;

export class Live {
  #me;
  #api;
  #session;
  #clock;
  #hear;
  #marks;
  #outbox;
  #tabs;
  #logs;
  #connection;
  #sender;
  #provedAt = -Infinity;
  #hasEnded = false;
  #isActive = true;

  /**
   * `database` is this browser's storage for `me`; `lookUpMentions` as in `mentions.js`, its result
   * null if it could not be loaded. `hear` is `{changed(), applied(chat, event), left(chat),
   * refused(item, code), signedOut(), somebodyElse()}`: the last when the session is another
   * person's.
   */
  constructor({
    me, api, session, clock, database, random, locks, WebSocket, url, isWatched, lookUpMentions,
    hear,
  }) {
    this.#me = me;
    this.#api = api;
    this.#session = session;
    this.#clock = clock;
    this.#hear = hear;
    this.stopCode = null; // the close code after which the socket does not reconnect
    this.presence = new Presence({
      clock, onChange: hear.changed,
      send: (users) => this.#connection.send({ type: "watch", users }),
    });
    this.names = new Names({ api, database, clock, onChange: hear.changed });
    this.#tabs = new Tabs({ name: `hubbub ${me.id}`, hear: (said) => this.#heardTab(said) });
    this.#marks = new Marks({ database, clock, tabs: this.#tabs });
    this.#outbox = new Outbox({
      database, window: newId(), locks, tabs: this.#tabs, onTaken: () => this.#sender.restart(),
    });
    this.#logs = new KeptLogs({ database, clock });
    this.chats = new Chats({
      me: me.id, api, marks: this.#marks, logs: this.#logs, clock, random,
      tellRead: (chat, upTo) => this.#connection.send({ type: "read", chat, upTo }),
      hear: {
        changed: hear.changed,
        met: (chat) => {
          for (const item of this.#outbox.of(chat.id)) chat.timeline.write({ ...item });
          this.presence.renew();
        },
        applied: (chat, event) => {
          if (event.by === me.id) this.#sender.delivered(event);
          if (event.type === "participant.added") this.presence.renew();
          hear.applied(chat, event);
        },
        left: hear.left,
      },
    });
    this.#connection = new Connection({
      WebSocket, url, clock, random, isWatched,
      token: ({ renew }) => (renew ? session.rest.renew() : session.rest.accessToken()),
      hello: () => this.chats.hello(),
      hear: {
        state: (state, code) => this.#lineChanged(state, code),
        ready: (frame, { awayMs }) => this.#ready(frame, awayMs),
        frame: (frame) => this.#frame(frame),
      },
    });
    this.#sender = new Sender({
      api, outbox: this.#outbox, connection: this.#connection, chats: this.chats, clock, random,
      mentioned: ({ chat, text }) => lookUpMentions(text, {
        chat: this.chats.get(chat), names: this.names,
      }),
      hear: { changed: hear.changed, refused: hear.refused, inWords: notSentInWords },
    });
  }

  /** `{state, since, backAt, catchingUp}` of the socket. */
  get line() {
    const { state, since, backAt } = this.#connection;
    return { state, since, backAt, catchingUp: this.chats.catchingUp };
  }

  /** Whether this window has unsent changes. */
  get hasUnsent() {
    return this.#outbox.waitingChats().size > 0;
  }

  /**
   * Reads this browser's storage and goes live; `asked` as `load` takes it. If nothing is stored,
   * ends and raises what `load` raises.
   */
  async begin(asked) {
    await Promise.all([this.names.load(), this.#marks.load(), this.#outbox.load()]);
    this.chats.restore();
    if (this.chats.sorted().length > 0) {
      this.loadPatiently(asked);
      return;
    }
    try {
      await this.load(asked);
    } catch (error) {
      await this.end(); // the next attempt starts over
      throw error;
    }
  }

  /**
   * Reads the server's state and goes live. Takes the `beginning` of an `Api` and raises what its
   * calls raise.
   */
  async load({ me, chats }) {
    const user = await me;
    if (user.id !== this.#me.id) {
      this.#belongsTo(user.id);
      return;
    }
    Object.assign(this.#me, user);
    this.names.learn([user]);
    await this.chats.load(chats);
    if (this.#connection.state === "idle") this.#connection.open();
  }

  /** The same, using this browser's storage until the server can be reached. */
  async loadPatiently(asked) {
    if (this.#connection.state === "idle") this.#connection.open();
    try {
      await this.load(asked);
    } catch (error) {
      if (error.code === undefined) throw error;
      if (error.final) {
        this.#hear.signedOut();
        return;
      }
      this.#clock.after(RETRY_MS, () => {
        if (!this.#hasEnded) this.loadPatiently(this.#api.beginning());
      });
    }
  }

  /** The network is back, or the user is looking. */
  hurry() {
    this.#connection.hurry();
  }

  /** The network is reported down. */
  doubt() {
    this.#connection.doubt();
  }

  /** The page may be closed. */
  flush() {
    this.#marks.flush();
  }

  /** The page is closing. */
  unload() {
    this.flush();
    this.#sender.unload();
  }

  /** Ends the session on the server. Raises what the calls raise. */
  async logOut() {
    await this.#sender.settle();
    await this.#session.rest.logOut();
  }

  async end() {
    this.#hasEnded = true;
    this.#tabs.end();
    this.#logs.end();
    this.#outbox.end();
    this.#connection.close();
    await this.#marks.flush().catch(() => {}); // a storage failure must not stop the rest
  }

  /** As `Sender.post`. */
  post(chat, wanted) {
    return this.#sender.post(chat, wanted);
  }

  /** As `Sender.postDeletion`. */
  postDeletion(chat, message) {
    this.#session.rest.accessToken().catch(() => {}); // `unload` cannot renew it
    return this.#sender.postDeletion(chat, message);
  }

  retry(chat, clientId) {
    return this.#sender.retry(chat, clientId);
  }

  discard(chat, clientId) {
    return this.#sender.discard(chat, clientId);
  }

  /** Whether somebody is at this window. */
  attend(isActive) {
    this.#isActive = isActive;
    this.#connection.send({ type: "active", active: isActive });
  }

  typing(chat) {
    if (!this.#connection.send({ type: "typing", chat: chat.id })) this.#connection.hurry();
  }

  /** Another window wrote or discarded something. */
  #heardTab({ drafted, unsent }) {
    if (drafted) {
      this.#marks.heard(drafted);
      this.chats.drafted(drafted);
      return;
    }
    this.#outbox.heard(unsent);
    const timeline = this.chats.get(unsent.chat)?.timeline;
    if (unsent.state === "gone") timeline?.discard(unsent.clientId);
    else if (unsent.state === "stored") timeline?.settle(unsent.clientId, unsent.seq);
    else {
      timeline?.write({ ...unsent });
      timeline?.change(unsent.clientId, { ...unsent });
    }
    this.#hear.changed();
  }

  #ready(frame, awayMs) {
    if (frame.user !== this.#me.id) {
      this.#belongsTo(frame.user);
      return;
    }
    this.names.askAgain();
    this.chats.ready(frame, awayMs);
    this.presence.ready();
    if (!this.#isActive) this.attend(false); // a new connection counts as active
    this.#sender.restart();
  }

  /** Another window has logged in as somebody else: their data must not reach this window. */
  #belongsTo(user) {
    this.#connection.close();
    this.#session.belongsTo(user);
    this.#hear.somebodyElse();
  }

  #frame(frame) {
    if (frame.type === "sent") this.#sender.sent(frame);
    else if (frame.type === "error") this.#refused(frame);
    else if (frame.type === "presence") this.presence.heard(frame);
    else this.chats.frame(frame);
  }

  #refused(frame) {
    this.#sender.refused(frame, notSentInWords);
    const { detail } = this.chats.get(frame.chat) ?? {};
    const other = frame.code === "forbidden" && detail ? otherOf(detail, this.#me.id) : null;
    if (other) this.names.forget(other); // their account is deleted and renamed
  }

  #lineChanged(state, code) {
    this.stopCode = state === "stopped" ? code : null;
    if (state !== "ready") this.presence.lost();
    if (code === REVOKED) this.#hear.signedOut();
    if (code === UNAUTHENTICATED) this.#proveAgain();
    this.#hear.changed();
  }

  /** The token was rejected, though the session may be valid: tries a new one, once a minute. */
  async #proveAgain() {
    if (this.#hasEnded || this.#clock.now() - this.#provedAt < PROVE_EVERY_MS) return;
    this.#provedAt = this.#clock.now();
    try {
      await this.#session.rest.renew();
      if (!this.#hasEnded) this.#connection.open();
    } catch (error) {
      if (this.#hasEnded) return;
      if (error.final) this.#hear.signedOut();
      else this.#clock.after(PROVE_EVERY_MS, () => this.#proveAgain());
    }
  }
}
