/**
 * The files chosen for the next message in a chat: uploads them a few at a time, retries after
 * interruptions, and returns what the message needs. Shows nothing.
 */
import { newId } from "../client/ids.js";
import { hasPlace } from "./picture-place.js";

const AT_ONCE = 2;
const MOST = 10; // the server's limits
const MOST_BYTES = 25 * 1024 * 1024;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** Temporary refusals. */
const PASSING = new Set(["unavailable", "rate_limited", "internal"]);
const UNREADABLE = "It cannot be read: it is a folder, or changed after you chose it.";

export class Uploads {
  #bring;
  #drop;
  #clock;
  #random;
  #inWords;
  #onChange;
  #whenSettled = null;
  #all = []; // {key, file, name, size, url, state, part, isHeldUp, reason, info, hasPlace}

  /**
   * `bring(file, {key, name, onProgress, signal})` returns the server's description; `drop(id)`
   * deletes the file again; `inWords(error)` is the reason in words.
   */
  constructor({ bring, drop, clock, random, inWords, onChange }) {
    this.#bring = bring;
    this.#drop = drop;
    this.#clock = clock;
    this.#random = random;
    this.#inWords = inWords;
    this.#onChange = () => {
      onChange();
      this.#settle();
    };
  }

  /**
   * `{key, name, size, url, state, part, isHeldUp, reason, mayRetry, hasPlace}`; a state is
   * waiting, sending, done or failed; a sending one is held up between two attempts.
   */
  get all() {
    return this.#all;
  }

  get isEmpty() {
    return this.#all.length === 0;
  }

  get hasFailed() {
    return this.#all.some(({ state }) => state === "failed");
  }

  /** What the user can do about failed uploads. */
  get wayOutInWords() {
    const mayRetry = this.#all.some((one) => one.state === "failed" && one.mayRetry);
    return mayRetry ? "Try again or remove it." : "Remove it.";
  }

  /** True while uploading: the message cannot be sent yet. */
  get isUnderway() {
    return this.#all.some(({ state }) => state === "waiting" || state === "sending");
  }

  /** Whether they belong to a message that goes by itself. */
  get isPromised() {
    return this.#whenSettled !== null;
  }

  /** Calls once nothing is uploading any more; replaces the previous call. */
  whenSettled(call) {
    this.#whenSettled = call;
    this.#settle();
  }

  #settle() {
    if (this.isUnderway) return;
    const call = this.#whenSettled;
    this.#whenSettled = null;
    call?.();
  }

  /** Adds files; returns a sentence about rejected ones, or "". */
  add(files) {
    const room = MOST - this.#all.length;
    for (const file of files.slice(0, room)) this.#begin(file);
    this.#go();
    this.#onChange();
    return files.length > room ? `A message takes ${MOST} files at most.` : "";
  }

  remove(key) {
    const one = this.#find(key);
    if (!one) return;
    this.#all = this.#all.filter((other) => other !== one);
    one.ending.abort();
    if (one.url) URL.revokeObjectURL(one.url);
    if (one.info) this.#drop(one.info.id).catch(() => {}); // the server removes it after a day
    this.#go();
    this.#onChange();
  }

  retry(key) {
    const one = this.#find(key);
    if (one?.state !== "failed" || !one.mayRetry) return;
    Object.assign(one, { state: "waiting", reason: undefined, mayRetry: false, tries: 0 });
    this.#go();
    this.#onChange();
  }

  /** Takes the uploaded files for a message that is sent now; drops the others. */
  take() {
    const infos = this.#all.filter(({ info }) => info).map(({ info }) => info);
    for (const { url } of this.#all) if (url) URL.revokeObjectURL(url);
    this.#all = [];
    this.#onChange();
    return infos;
  }

  #begin(file) {
    const isPicture = /^image\/(png|jpeg|gif|webp|avif)$/u.test(file.type);
    const one = {
      key: newId(), file, name: nameOf(file), size: file.size, state: "waiting", part: 0, tries: 0,
      url: isPicture ? URL.createObjectURL(file) : null, ending: new AbortController(),
      hasPlace: false, mayRetry: false, isHeldUp: false,
    };
    this.#all.push(one);
    if (file.size > MOST_BYTES) this.#fail(one, "It is larger than 25 MB.");
    else if (file.size === 0) this.#fail(one, "It is empty.");
    else if (isPicture) this.#look(one);
  }

  async #look(one) {
    one.hasPlace = await hasPlace(one.file);
    if (one.hasPlace) this.#onChange();
  }

  #go() {
    const free = AT_ONCE - this.#all.filter(({ state }) => state === "sending").length;
    const next = this.#all.filter(({ state }) => state === "waiting").slice(0, Math.max(0, free));
    for (const one of next) this.#send(one);
  }

  async #send(one) {
    Object.assign(one, { state: "sending", isHeldUp: false });
    const onProgress = (part) => {
      one.part = part;
      this.#onChange();
    };
    try {
      const { key, name, ending: { signal } } = one;
      one.info = await this.#bring(one.file, { key, name, onProgress, signal });
      one.state = "done";
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.code === undefined) throw error;
      if (!isPassing(error)) {
        one.mayRetry = true;
        this.#fail(one, this.#inWords(error));
      } else if (await isReadable(one.file)) await this.#pause(one, error.retryAfter);
      else this.#fail(one, UNREADABLE);
    }
    this.#go();
    this.#onChange();
  }

  /** Retries with the same key, so that a file that did arrive is not duplicated. */
  async #pause(one, retryAfterSeconds) {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** one.tries);
    one.tries += 1;
    Object.assign(one, { part: 0, isHeldUp: true });
    const ms = retryAfterSeconds ? retryAfterSeconds * 1_000 : this.#random() * longest;
    this.#onChange();
    await new Promise((resolve) => this.#clock.after(ms, resolve));
    if (!one.ending.signal.aborted) one.state = "waiting";
  }

  #fail(one, reason) {
    one.state = "failed";
    one.reason = reason;
  }

  #find(key) {
    return this.#all.find((one) => one.key === key);
  }
}

/** A proxy may refuse too, with its own body: then uses the status. */
function isPassing({ code, status }) {
  return PASSING.has(code) && status !== 403 && status !== 413;
}

/** Whether the browser can still read the file; upload errors do not show it. */
async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** A name that the server accepts. Pasted pictures have a meaningless name or none. */
function nameOf({ name, type }) {
  const taken = name.replace(/\p{Bidi_Control}/gu, "").replace(/[\p{Cc}/\\]/gu, "_");
  return taken || `pasted.${type.split("/")[1] ?? "bin"}`;
}
