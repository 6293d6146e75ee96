/**
 * A socket that reconnects: connect, resume, heartbeat, back-off as `Ends` decides. WebSocket
 * class, clock and random source are arguments; it knows neither chats nor the DOM.
 */
import { Ends } from "./ends.js";

const READY_TIMEOUT_MS = 12_000;
const PONG_TIMEOUT_MS = 10_000;
const READY_HELD_MS = 5_000;
const MAX_BACKOFF_WATCHED_MS = 5_000; // while a user sees it wait
const QUIET_ENOUGH_TO_ASK_MS = 5_000;
const DOUBTED_PONG_TIMEOUT_MS = 2_000;
const STUCK_MS = 2_000;
const REFRESH_AGAIN_MS = 5_000;
const CHECK_EVERY_MS = 5_000; // of the clock: timers stand still while the machine sleeps

const LOST = 1006;
const NOT_UNDERSTOOD = 1002;
const REVOKED = 4502;

export class Connection {
  #WebSocket;
  #url;
  #clock;
  #random;
  #isWatched;
  #token;
  #hello;
  #hear;

  #socket = null;
  #outlived = null; // the socket of a replaced session
  #attempt = null; // the last `open`
  #state = "idle";
  #since;
  #ends = new Ends();
  #triedAt = 0;
  #backAt = null;
  #renew = false;
  #said = null;
  #heardAt = 0;
  #pingMs = 25_000;
  #timers = new Map();

  /**
   * `clock` is `{now(): ms, after(ms, call): cancel}`, `random()` is in [0, 1). `isWatched()`: is a
   * user looking? `token({renew})` returns an access token; an error with `final: true` means that
   * there will be none. `hello()` returns `{resume: {chat: seq}, epoch}`, sent in the first frame
   * with the token. `hear` is `{state, ready, frame}`: the state has changed, with the code and
   * reason of a final end; the first frame, with its `hello` and the time without a socket; any
   * other frame.
   */
  constructor({ WebSocket, url, clock, random, isWatched = () => false, token, hello, hear }) {
    this.#WebSocket = WebSocket;
    this.#isWatched = isWatched;
    this.#url = url;
    this.#clock = clock;
    this.#random = random;
    this.#token = token;
    this.#hello = hello;
    this.#hear = hear;
    this.#since = clock.now();
  }

  /** idle, connecting, ready, waiting or stopped, and since when (ms). */
  get state() {
    return this.#state;
  }

  get since() {
    return this.#since;
  }

  /** The time of the next attempt in ms, or null if none is scheduled. */
  get backAt() {
    return this.#state === "waiting" ? this.#backAt : null;
  }

  async open() {
    const attempt = {};
    this.#attempt = attempt;
    this.#cancelAll();
    this.#triedAt = this.#clock.now();
    this.#become("connecting");
    try {
      const token = await this.#token({ renew: this.#renew });
      if (this.#state !== "connecting" || this.#attempt !== attempt) return;
      this.#renew = false;
      this.#dial(token);
    } catch (error) {
      if (this.#state !== "connecting" || this.#attempt !== attempt) return;
      if (error.final) this.#stop(REVOKED);
      else this.#ended(LOST, "", error.retryAfter);
    }
  }

  /** Connects with the token of another session. */
  reopen() {
    if (this.#socket !== null) this.#abandon();
    this.open();
  }

  /** The same user has a new session: the end of the previous one is not final. */
  outlive() {
    this.#outlived = this.#socket;
  }

  /** Ends it permanently. */
  close() {
    this.#stop(1000);
  }

  /** Ends it permanently: reconnecting would have the same result. */
  misunderstand(error) {
    this.#stop(NOT_UNDERSTOOD, `the server said what is not chat.v1: ${error.message}`);
  }

  /**
   * The network is back, or the user looks or writes: reconnects at once, or probes a silent
   * socket.
   */
  hurry() {
    if (this.#state === "waiting") this.open();
    else if (this.#isStuck()) {
      this.#abandon();
      this.open();
    } else if (this.#state === "ready" && this.#quietMs() > QUIET_ENOUGH_TO_ASK_MS) this.#probe();
  }

  /** The socket is probably gone, unless the server is on this machine: probe it. */
  doubt() {
    if (this.#state !== "ready") return;
    this.#cancel("pong");
    this.#ping(DOUBTED_PONG_TIMEOUT_MS);
  }

  /** True if the frame was sent on a ready socket; it may still be lost. */
  send(frame) {
    if (this.#state !== "ready") return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Raises SyntaxError or SecurityError if no socket can be made to this address. */
  #dial(token) {
    const socket = new this.#WebSocket(this.#url, "chat.v1");
    this.#socket = socket;
    // Every handler checks that its socket is current: an abandoned one may still fire events.
    const mine = (handle) => (event) => {
      if (this.#socket === socket) handle(event);
    };
    socket.onopen = mine(() => {
      this.#said = this.#hello();
      socket.send(JSON.stringify({ type: "connect", token, ...this.#said }));
    });
    socket.onmessage = mine((event) => this.#receive(event.data));
    socket.onerror = () => {}; // its close follows; the package ws throws unhandled errors
    socket.onclose = mine((event) => this.#ended(event.code, event.reason));
    this.#set("ready", READY_TIMEOUT_MS, () => this.#abandon());
  }

  #receive(data) {
    this.#heardAt = this.#clock.now();
    this.#cancel("pong");
    const socket = this.#socket;
    for (const line of String(data).split("\n")) {
      if (this.#socket !== socket) return; // the message before ended it
      const frame = this.#decode(line);
      if (frame === null) return;
      if (frame.type === "ready") this.#isReady(frame);
      else if (frame.type === "expiring") this.#refresh();
      else if (frame.type !== "pong" && frame.type !== "refreshed") this.#hear.frame(frame);
    }
  }

  #decode(line) {
    try {
      const frame = JSON.parse(line);
      if (typeof frame?.type !== "string") throw new TypeError("a frame without a type");
      return frame;
    } catch (error) {
      this.misunderstand(error);
      return null;
    }
  }

  #isReady(frame) {
    this.#cancel("ready");
    const awayMs = this.#clock.now() - this.#since;
    this.#pingMs = frame.pingSeconds * 1000;
    // A socket that ends at once is not a success, even if it became ready.
    this.#set("held", READY_HELD_MS, () => this.#ends.ready());
    this.#checkQuiet();
    this.#become("ready");
    this.#hear.ready(frame, { ...this.#said, awayMs });
  }

  /** The attempt may have started on a network that is gone. */
  #isStuck() {
    const isTrying = this.#state === "connecting" && this.#socket !== null;
    return isTrying && this.#clock.now() - this.#triedAt > STUCK_MS;
  }

  /** Starts over if the clock was set back. */
  #quietMs() {
    const now = this.#clock.now();
    this.#heardAt = Math.min(this.#heardAt, now);
    return now - this.#heardAt;
  }

  #checkQuiet() {
    const left = this.#pingMs - this.#quietMs();
    if (left <= 0) this.#probe();
    const nextMs = left > 0 ? Math.min(left, CHECK_EVERY_MS) : CHECK_EVERY_MS;
    this.#set("quiet", nextMs, () => this.#checkQuiet());
  }

  /** Doubts a socket that has missed its pings: the machine, or the page, has slept. */
  #probe() {
    if (this.#quietMs() > this.#pingMs + PONG_TIMEOUT_MS) this.doubt();
    else this.#ping();
  }

  #ping(timeoutMs = PONG_TIMEOUT_MS) {
    if (this.#timers.has("pong")) return;
    this.send({ type: "ping" });
    this.#set("pong", timeoutMs, () => this.#abandon());
  }

  async #refresh() {
    const socket = this.#socket;
    try {
      const token = await this.#token({ renew: true });
      this.#renew = false;
      if (this.#socket === socket) this.send({ type: "refresh", token });
    } catch (error) {
      this.#renew = true; // the server ends the socket with 4003; the next starts with this token
      if (this.#socket === socket && !error.final) {
        this.#set("refresh", REFRESH_AGAIN_MS, () => this.#refresh());
      }
    }
  }

  /** Does not wait for a close handshake: the peer may be gone. */
  #abandon() {
    const socket = this.#socket;
    this.#ended(LOST, "");
    socket.close();
  }

  /** `retryAfter` is the delay that the server named, in seconds. */
  #ended(code, reason, retryAfter) {
    const isOutlived = code === REVOKED && this.#socket === this.#outlived;
    this.#socket = null;
    this.#cancelAll();
    if (isOutlived) {
      this.open();
      return;
    }
    const maxMs = this.#isWatched() ? MAX_BACKOFF_WATCHED_MS : undefined;
    const next = this.#ends.closed(code, reason, this.#random(), retryAfter, maxMs);
    if (next === null) {
      this.#stop(code, reason);
      return;
    }
    this.#renew ||= next.refresh;
    this.#backAt = this.#clock.now() + next.waitMs;
    this.#become("waiting");
    this.#set("back", next.waitMs, () => this.open());
  }

  #stop(code, reason) {
    const socket = this.#socket;
    this.#socket = null;
    this.#cancelAll();
    if (socket !== null) socket.close();
    this.#become("stopped", code, reason);
  }

  #become(state, code, reason) {
    const wasOff = this.#state === "waiting" || this.#state === "connecting";
    // One outage has one start, however many attempts it takes.
    if (!(wasOff && (state === "waiting" || state === "connecting"))) {
      this.#since = this.#clock.now();
    }
    this.#state = state;
    this.#hear.state(state, code, reason);
  }

  #set(name, ms, call) {
    this.#cancel(name);
    this.#timers.set(name, this.#clock.after(ms, () => {
      this.#timers.delete(name);
      call();
    }));
  }

  #cancel(name) {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }

  #cancelAll() {
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
  }
}
