/**
 * The messages of the open chat as a scrolling log: keeps the reader's position, loads missing
 * parts on scrolling, and has only a bounded part of it in the document.
 */
import { arrange, element } from "../parts/element.js";
import { fillLine, shellOf } from "./line.js";
import { stepLine } from "./line-steps.js";
import { LogPlace } from "./log-place.js";
import { LogWindow } from "./log-window.js";
import { dayAndTime } from "../text/days.js";
import { dayOf } from "../text/moments.js";
import { worded } from "./row-words.js";
import { rowsOf } from "./rows.js";
import { TopEdge } from "./top-edge.js";

const NEAR_END_PX = 100;
const NEAR_EDGE_PX = 800;
const KEPT_ITEMS = 1_000;
const QUIET_MS = 500;
const RETRY_MS = 2_000;

export class Log {
  #me;
  #names;
  #hear;
  #intro;
  #list = element("ol", { class: "timeline" });
  #top = element("p", { class: "top", "aria-live": "off" });
  #edge = new TopEdge();
  #kept = new Map();
  #rows = new Map(); // key -> row as shown
  #window = new LogWindow();
  #chat = null;
  #follows = true;
  #seeks = null; // the seq that is being loaded to be shown
  #endSeek = null;
  #isStuck = false; // loading failed: shows what there is until it succeeds
  #found = null; // the seq from an address
  #loading = new Set(); // the chats whose earlier or later messages are being loaded
  #isLive = false;
  #place;
  #places = new WeakMap(); // chat -> the reader's position when they left it
  #newAfter = null; // the position of the "New" line
  #isNewSkipped = false; // the reader did not see it, or jumped away from it
  #quiet = 0;

  /**
   * `hear` is `{before(chat, seq), after(chat, seq), around(chat, seq), moved(), retry(clientId),
   * discard(clientId), quoted(chat, messageId), react(row, emoji, isOn), pick(row, anchor),
   * jump(seq), person(id, anchor), link(file), view(seq, file), chatAt(address)}`; the first three
   * are async, and false if they failed. `intro(chat)` returns the node above the first message.
   */
  constructor({ me, names, hear, intro }) {
    this.#me = me;
    this.#names = names;
    this.#hear = hear;
    this.#intro = intro;
    this.node = element("div", {
      class: "log", role: "log", tabindex: "0",
      onscroll: () => this.#scrolled(),
      onunfold: () => this.#moved(),
      onkeydown: (event) => stepLine(event, this.#list),
    }, this.#top, this.#list);
    this.#place = new LogPlace(this.node, this.#list, this.#kept);
    this.edge = this.#edge.node;
    this.isNewAbove = false; // the "New" line, from which the reader has not read on
    // Keeps the position when the composer grows, a phone's keyboard opens or the window narrows.
    const sizes = new ResizeObserver(() => this.#settle());
    sizes.observe(this.node);
    sizes.observe(this.#list);
  }

  /** True if the newest line is in view. */
  get atEnd() {
    return this.#follows && this.#window.atEnd && this.#seeks === null && this.#chat.catchUpTo === null;
  }

  /** True if the newest line is loaded and in the document, in view or not. */
  get hasEnd() {
    return this.#window.atEnd;
  }

  /** True if the end is more than a screen away. */
  get isFar() {
    return this.#isStuck || !this.#window.atEnd || this.#fromEnd() > this.node.clientHeight;
  }

  /** The row that a node of the log belongs to, or undefined. */
  rowOf(node) {
    return this.#rows.get(node.closest(".line")?.dataset.key);
  }

  /** The line of a row, which stays when the buttons on it move. */
  lineOf(row) {
    return this.#kept.get(row.key)?.node ?? this.node;
  }

  /** `{seq, top}` of the first line in view; null while following the end. */
  get place() {
    const { row } = this.#place;
    if (this.atEnd || !row) return null;
    const { seq } = this.#rows.get(row.key) ?? {};
    return seq === undefined ? null : { seq, top: row.top };
  }

  /**
   * Opens a chat at the reader's earlier position, else at the message `seq` if given, else at its
   * "New" line or the end.
   */
  open(chat, title, { seq = null, place = null }) {
    if (this.#chat) this.#places.set(this.#chat, this.place);
    if (seq === null && chat.newAfter === null) place ??= this.#places.get(chat) ?? null;
    this.#chat = chat;
    this.#found = seq;
    this.#isNewSkipped = true;
    this.endSeeking();
    for (const { node } of this.#kept.values()) node.remove();
    this.#kept.clear();
    this.#place.row = null;
    this.retitle(title);
    this.#hush();
    this.#window.toEnd(chat.timeline.tail.items, chat.newAfter ?? undefined);
    this.#follows = true;
    const wanted = place?.seq ?? seq ?? (chat.newAfter === null ? null : chat.newAfter + 1);
    if (wanted !== null && !chat.timeline.stretchAt(wanted)) this.#seek(wanted, place);
    this.render();
    if (wanted !== null && this.#seeks === null) this.#showAt(wanted, place);
  }

  retitle(title) {
    this.node.setAttribute("aria-label", `Messages in ${title}`);
  }

  toEnd() {
    if (!this.atEnd) this.#isNewSkipped = true;
    this.endSeeking();
    this.#window.toEnd(this.#chat.timeline.tail.items);
    this.#follows = true;
    this.render();
  }

  /** Shows a message, loading it first if necessary. */
  goTo(seq) {
    this.#found = seq;
    this.#goTo(seq);
  }

  /** Back to the "New" line. */
  toNew() {
    this.#found = null;
    this.#goTo(this.#chat.newAfter + 1);
  }

  /** The newest stored line of the reader's own, or undefined. */
  get lastOwn() {
    return [...this.#rows.values()].findLast((row) => (
      row.mine && row.seq !== undefined && !row.isGone
    ));
  }

  /** Scrolls for wheel events on elements above the log. */
  scrollBy(px) {
    this.node.scrollTop += px;
  }

  /** `arrives`: the reader is on the way to a message. */
  render({ isLive = this.#isLive, nowMs = Date.now(), arrives = false } = {}) {
    this.#isLive = isLive;
    this.#settle();
    const { timeline, newAfter } = this.#chat;
    // It may arrive from elsewhere: this browser may have it stored.
    if (this.#seeks !== null && timeline.stretchAt(this.#seeks)) {
      this.#endSeek();
      return;
    }
    if (this.#chat.catchUpTo !== null && this.#chat.catchUpTo <= timeline.cursor) {
      this.#chat.catchUpTo = null;
      const isNewsHere = newAfter !== null && newAfter < timeline.cursor;
      const isFree = !arrives && this.#seeks === null;
      if (isNewsHere && isFree && this.#fromEnd() <= NEAR_END_PX) {
        this.toNew();
        return;
      }
    }
    const follows = this.#follows && this.#window.atEnd;
    const was = this.#seeks === null && !follows ? this.place : null;
    if (was && !timeline.stretchAt(was.seq)) this.#seek(was.seq, was); // too much was missed
    if (!follows) this.#place.take();
    // A busy chat that is open for days must not fill the memory.
    if (follows && timeline.tail.items.length > 2 * KEPT_ITEMS) timeline.trim(KEPT_ITEMS);
    const words = {
      me: this.#me, names: this.#names, found: this.#found, isLive, nowMs,
      quoted: (messageId) => this.#hear.quoted(this.#chat, messageId),
    };
    const stretch = this.#stretch();
    if (stretch === timeline.tail) this.#window.settle(stretch.items, follows);
    const rows = this.#seeks === null || this.#isStuck
      ? rowsOf(this.#window.slice(stretch), {
        unsent: this.#window.atEnd ? timeline.unsent : [], changing: timeline.changing,
      }, { me: this.#me.id, newAfter, dayOf }).map((row) => worded(row, words))
      : [];
    this.#rows = new Map(rows.map((row) => [row.key, row]));
    arrange(this.#list, rows, this.#kept, {
      shell: (row) => {
        const item = shellOf(row);
        item.dataset.key = row.key;
        return item;
      },
      fill: (node, row) => fillLine(node, row, this.#hear),
    });
    this.#head(stretch, rows);
    this.#place.keep(follows);
    this.#place.take();
    this.#lookForNew();
    this.#pin(nowMs);
    if (this.node.scrollTop < NEAR_EDGE_PX) this.#back();
    if (this.#isNearEnd) this.#forth();
  }

  /** True if more is needed below; never before layout, or while new messages are loading. */
  get #isNearEnd() {
    const isShown = this.node.clientHeight > 0 && this.#chat.catchUpTo === null;
    return isShown && !this.#window.atEnd && this.#fromEnd() < NEAR_EDGE_PX;
  }

  /** Whether it ends with the newest: the stored part may lack all unread messages. */
  #isEnd(stretch) {
    const { timeline, newAfter } = this.#chat;
    return stretch === timeline.tail && (newAfter === null || newAfter < timeline.cursor);
  }

  #stretch() {
    const { timeline } = this.#chat;
    if (this.#window.atEnd) return timeline.tail;
    return timeline.stretchAt(this.#window.from) ?? timeline.tail;
  }

  /** What is shown above the rows: more is loading, or the chat begins here. */
  #head({ from }, rows) {
    const isAll = this.#window.slice(this.#stretch()).from <= 1;
    const isBegin = from <= 1 && this.#seeks === null && isAll;
    const isNew = isBegin && !rows.some((row) => row.kind === "line");
    const coming = this.#isLive
      ? "Loading earlier messages" : "Earlier messages come with the connection";
    this.#top.textContent = isBegin ? "" : coming;
    const intro = this.node.querySelector(".intro");
    const wanted = isNew ? this.#intro(this.#chat) : null;
    if (wanted?.isEqualNode(intro)) return;
    intro?.remove();
    if (wanted) this.#list.before(wanted);
  }

  #goTo(seq) {
    if (this.#chat.timeline.stretchAt(seq)) this.#showAt(seq);
    else this.#seek(seq);
  }

  /**
   * Loads until it is here, or the reader goes elsewhere. Nothing counts as read meanwhile, as it
   * would at the end of the log.
   */
  async #seek(seq, place = null) {
    const chat = this.#chat;
    const end = () => this.#showAt(seq, place);
    this.#seeks = seq;
    this.#endSeek = end;
    for (;;) {
      await this.#hear.around(chat, seq);
      if (this.#endSeek !== end) return;
      const { timeline, detail } = chat;
      if (timeline.stretchAt(seq) || seq > Math.max(timeline.cursor, detail.seq)) break;
      this.#isStuck = true;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (this.#endSeek !== end || !this.node.isConnected) return; // the session may have ended
    }
    end();
  }

  endSeeking() {
    this.#seeks = null;
    this.#endSeek = null;
    this.#isStuck = false;
  }

  #showAt(seq, place = null) {
    this.endSeeking();
    const { timeline } = this.#chat;
    const stretch = timeline.stretchAt(seq);
    if (!stretch) { // the message does not exist
      this.toEnd();
      return;
    }
    this.#window.around(stretch.items, seq, this.#isEnd(stretch));
    this.#follows = false;
    this.#rebuild({ arrives: true });
    const row = [...this.#rows.values()].find((one) => one.seq >= seq);
    const was = place && this.#kept.get(row?.key)?.node;
    const mark = this.#list.querySelector(".found") ?? this.#list.querySelector(".new")
      ?? this.#kept.get(row?.key)?.node;
    if (was) this.#place.restore({ key: row.key, top: place.top });
    else if (mark) this.node.scrollTop = mark.offsetTop - this.node.clientHeight / 4;
    this.#scrolled();
  }

  #fromEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight;
  }

  #settle() {
    this.#place.settle(this.#follows && this.#window.atEnd);
  }

  #scrolled() {
    this.#settle();
    this.#moved();
  }

  /** The reader is where the log is now, and may have left the end. */
  #moved() {
    this.#follows = this.#window.atEnd && this.#fromEnd() <= NEAR_END_PX;
    this.#place.take();
    this.#lookForNew();
    this.#pin(Date.now());
    if (this.node.scrollTop < NEAR_EDGE_PX) this.#back();
    if (this.#isNearEnd) this.#forth();
    this.#hear.moved();
  }

  #lookForNew() {
    const { newAfter } = this.#chat;
    if (newAfter !== this.#newAfter) this.#isNewSkipped = true;
    this.#newAfter = newAfter;
    const line = this.#kept.get("new")?.node;
    const edge = this.node.getBoundingClientRect().top;
    const isAbove = line
      ? line.getBoundingClientRect().bottom < edge
      : newAfter !== null && this.#window.from > newAfter + 1;
    if (line && !isAbove) this.#isNewSkipped = false;
    this.isNewAbove = isAbove && this.#isNewSkipped && this.#seeks === null;
  }

  /** The author and day of the first line in view, if their own line is above it. */
  #pin(nowMs) {
    const { key, top } = this.#place.row ?? {};
    const row = this.#rows.get(key);
    const isAway = row && this.#follows === false && top < -8;
    const when = () => dayAndTime(row.at, nowMs, { begins: row.kind === "note" });
    this.#edge.show(isAway ? { ...row, when: when() } : null);
  }

  get #mayLoad() {
    return !this.#loading.has(this.#chat) && (this.#seeks === null || this.#isStuck);
  }

  async #back() {
    const chat = this.#chat;
    if (!this.#mayLoad || this.#grow("back")) return;
    const { from } = this.#stretch();
    if (from <= 1) return;
    await this.#load(this.#hear.before(chat, from));
    if (chat === this.#chat && this.#stretch().from < from) this.#grow("back");
  }

  async #forth() {
    const chat = this.#chat;
    if (!this.#mayLoad || this.#grow("forth")) return;
    const { to } = this.#stretch();
    await this.#load(this.#hear.after(chat, to));
    if (chat === this.#chat && this.#stretch().to > to) this.#grow("forth");
  }

  /** Shows more of the loaded part; false if there is none. */
  #grow(way) {
    const stretch = this.#stretch();
    const isMore = this.#window[way](stretch.items, this.#isEnd(stretch));
    if (isMore) this.#rebuild();
    return isMore;
  }

  async #load(page) {
    const chat = this.#chat;
    this.#loading.add(chat);
    const hasCome = await page.finally(() => this.#loading.delete(chat));
    if (hasCome && chat === this.#chat) this.#hush(); // it is drawn next
  }

  /** Old rows are added or removed without being announced. */
  #rebuild(how) {
    this.#hush();
    this.render(how);
  }

  #hush() {
    this.node.setAttribute("aria-busy", "true");
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.node.removeAttribute("aria-busy"), QUIET_MS);
  }
}
