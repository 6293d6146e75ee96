/**
 * Everything behind the views of one person: chats, names, marks, outbox and the socket, and how
 * they hear each other. Knows no DOM.
 */
import { Chats } from "./chats.js";
import { Connection } from "./connection.js";
import { newId } from "./ids.js";
import { Marks } from "./marks.js";
import { Names } from "./names.js";
import { Outbox } from "./outbox.js";
import { Sender } from "./sender.js";
import { Tabs } from "./tabs.js";
import { notSentInWords } from "./words.js";

const UNAUTHENTICATED = 4500;
const REVOKED = 4502;
const PROVE_EVERY_MS = 60_000;

export class Live {
  #me;
  #session;
  #clock;
  #hear;
  #marks;
  #outbox;
  #tabs;
  #connection;
  #sender;
  #provedAt = -Infinity;

  /**
   * `database` is what this browser keeps for `me`. `hear` is `{changed(), applied(chat, event),
   * left(chat), refused(item, code), signedOut()}`.
   */
  constructor({
    me, api, session, clock, database, random, locks, WebSocket, url, isWatched, hear,
  }) {
    this.#me = me;
    this.#session = session;
    this.#clock = clock;
    this.#hear = hear;
    this.stopCode = null; // the close code after which the socket does not come back
    this.names = new Names({ api, database, onChange: hear.changed });
    this.#tabs = new Tabs({ name: `hubbub ${me.id}`, hear: (said) => this.#heardTab(said) });
    this.#marks = new Marks({ database, clock, tabs: this.#tabs });
    this.#outbox = new Outbox({
      database, window: newId(), locks, tabs: this.#tabs, onTaken: () => this.#sender.restart(),
    });
    this.chats = new Chats({
      me: me.id, api, marks: this.#marks, clock,
      hear: {
        changed: hear.changed,
        met: (chat) => {
          for (const item of this.#outbox.of(chat.id)) chat.timeline.write({ ...item });
        },
        applied: (chat, event) => {
          if (event.by === me.id) this.#sender.delivered(event);
          hear.applied(chat, event);
        },
        left: hear.left,
      },
    });
    this.#connection = new Connection({
      WebSocket, url, clock, random, isWatched,
      token: ({ renew }) => (renew ? session.renew() : session.token()),
      resume: () => this.chats.cursors(),
      hear: {
        state: (state, code) => this.#lineChanged(state, code),
        ready: (frame, context) => this.#ready(frame, context),
        frame: (frame) => this.#frame(frame),
      },
    });
    this.#sender = new Sender({
      api, outbox: this.#outbox, connection: this.#connection, chats: this.chats, clock, random,
      hear: { changed: hear.changed, refused: hear.refused, inWords: notSentInWords },
    });
  }

  /** `{state, since, backAt, catchingUp}` of the socket. */
  get line() {
    const { state, since, backAt } = this.#connection;
    return { state, since, backAt, catchingUp: this.chats.catchingUp };
  }

  /** Reads what is known here and at the server. Raises what the calls raise. */
  async load(firstChats) {
    await Promise.all([this.names.load(), this.#marks.load(), this.#outbox.load()]);
    this.names.learn({ id: this.#me.id, username: this.#me.username });
    await this.chats.load(firstChats);
  }

  connect() {
    this.#connection.open();
  }

  /** The network is back, or somebody looks. */
  hurry() {
    this.#connection.hurry();
  }

  /** The network is said to be gone. */
  doubt() {
    this.#connection.doubt();
  }

  /** The page may go away. */
  flush() {
    this.#marks.flush();
  }

  end() {
    this.#marks.flush();
    this.#tabs.end();
    this.#connection.close();
  }

  /** As `Sender.post`. */
  post(chat, wanted) {
    return this.#sender.post(chat, wanted);
  }

  /** As `Sender.postDeletion`. */
  postDeletion(chat, message) {
    return this.#sender.postDeletion(chat, message);
  }

  retry(chat, clientId) {
    return this.#sender.retry(chat, clientId);
  }

  discard(chat, clientId) {
    return this.#sender.discard(chat, clientId);
  }

  typing(chat) {
    if (!this.#connection.send({ type: "typing", chat: chat.id })) this.#connection.hurry();
  }

  /** Another window read, wrote, or got rid of something. */
  #heardTab({ marked, unsent, ...mark }) {
    if (marked) {
      this.#marks.heard(marked, mark);
      this.chats.marked(marked, mark);
      return;
    }
    this.#outbox.heard(unsent);
    const timeline = this.chats.get(unsent.chat)?.timeline;
    if (unsent.state === "gone") timeline?.discard(unsent.clientId);
    else if (unsent.state === "stored") {
      if (unsent.kind) timeline?.settle(unsent.clientId); // a message comes as an event in any case
    } else {
      timeline?.write({ ...unsent });
      timeline?.change(unsent.clientId, { state: unsent.state, reason: unsent.reason });
    }
    this.#hear.changed();
  }

  #ready(frame, context) {
    this.names.askAgain();
    this.chats.ready(frame, context);
    this.#sender.restart();
  }

  #frame(frame) {
    if (frame.type === "sent") this.#sender.sent(frame);
    else if (frame.type === "error") this.#sender.refused(frame, notSentInWords);
    else this.chats.frame(frame);
  }

  #lineChanged(state, code) {
    this.stopCode = state === "stopped" ? code : null;
    if (code === REVOKED) this.#hear.signedOut();
    if (code === UNAUTHENTICATED) this.#proveAgain();
    this.#hear.changed();
  }

  /** The token was no good, which may be no fault of the session: once a minute, a new one. */
  async #proveAgain() {
    if (this.#clock.now() - this.#provedAt < PROVE_EVERY_MS) return;
    this.#provedAt = this.#clock.now();
    try {
      await this.#session.renew();
      this.#connection.open();
    } catch (error) {
      if (error.final) this.#hear.signedOut();
      else this.#clock.after(PROVE_EVERY_MS, () => this.#proveAgain());
    }
  }
}
