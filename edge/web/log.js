/**
 * The messages of the open chat as a scrolling log: keeps the reader's place, loads the past as
 * one scrolls, and never has more than a bounded part of it in the document.
 */
import { arrange, element } from "./element.js";
import { fillLine, shellOf } from "./line.js";
import { LogWindow } from "./log-window.js";
import { dayName, dayOf, fullTime } from "./moments.js";
import { rowsOf } from "./timeline.js";
import { noteOf } from "./words.js";

const NEAR_END_PX = 100;
const NEAR_EDGE_PX = 800;
const KEPT_EVENTS = 1_000;

export class Log {
  #me;
  #names;
  #hear;
  #list = element("ol", {});
  #top = element("p", { class: "top", "aria-live": "off" });
  #kept = new Map();
  #window = new LogWindow();
  #chat = null;
  #follows = true;
  #loading = false;
  #isLive = false;

  /** `hear` is `{older(chat), moved(), retry(clientId), discard(clientId)}`; `older` is async. */
  constructor({ me, names, hear }) {
    this.#me = me;
    this.#names = names;
    this.#hear = hear;
    this.node = element(
      "div",
      {
        class: "log",
        role: "log",
        tabindex: "0",
        onscroll: () => this.#scrolled(),
        onkeydown: (event) => this.#key(event),
      },
      this.#top,
      this.#list,
    );
    // The composer grows, a phone's keyboard opens: who was at the end stays there.
    new ResizeObserver(() => this.#stay()).observe(this.node);
  }

  /** True when the newest line is in view. */
  get atEnd() {
    return this.#follows && this.#window.atEnd;
  }

  /** True when the end is further away than a screen. */
  get isFar() {
    return !this.#window.atEnd || this.#fromEnd() > this.node.clientHeight;
  }

  /** Opens a chat at its "New" line, or at the end when there is none. */
  open(chat, title) {
    this.#chat = chat;
    for (const { node } of this.#kept.values()) node.remove();
    this.#kept.clear();
    this.node.setAttribute("aria-label", `Messages in ${title}`);
    this.#window.toEnd(chat.timeline, chat.newAfter ?? undefined);
    this.#follows = true;
    this.render();
    const mark = this.#list.querySelector(".new");
    if (!mark) return;
    this.node.scrollTop = mark.offsetTop - this.node.clientHeight / 4;
    this.#scrolled();
  }

  toEnd() {
    this.#window.toEnd(this.#chat.timeline);
    this.#follows = true;
    this.render();
  }

  render({ isLive = this.#isLive, nowMs = Date.now() } = {}) {
    this.#isLive = isLive;
    const { timeline, newAfter } = this.#chat;
    const follows = this.#follows && this.#window.atEnd;
    const place = follows ? null : this.#place();
    // Whoever sits in a busy chat for days must not fill the memory.
    if (follows && timeline.events.length > 2 * KEPT_EVENTS) timeline.trim(KEPT_EVENTS);
    this.#window.settle(timeline, follows);
    const { from, to, atEnd } = this.#window;
    const rows = rowsOf(
      timeline.slice(from, to ?? timeline.cursor),
      atEnd ? timeline.outgoing : [],
      { me: this.#me.id, newAfter, dayOf },
    );
    arrange(this.#list, rows.map((row) => this.#worded(row, nowMs)), this.#kept, {
      shell: shellOf,
      fill: (node, row) => fillLine(node, row, this.#hear),
    });
    this.#top.textContent = this.#topWords(rows);
    if (follows) this.node.scrollTop = this.node.scrollHeight;
    else if (place) this.node.scrollTop += place.node.getBoundingClientRect().top - place.top;
    if (this.node.scrollTop < NEAR_EDGE_PX) this.#back();
  }

  #worded(row, nowMs) {
    const nameOf = (id) => (id === this.#me.id ? "you" : this.#names.of(id));
    switch (row.kind) {
      case "day":
        return { ...row, text: dayName(row.day, nowMs) };
      case "new":
        return { ...row, text: "New" };
      case "note":
        return {
          key: row.key, kind: "note", text: noteOf(row.event, nameOf), title: fullTime(row.at),
        };
      default:
        return { ...row, name: this.#names.of(row.by), waits: !this.#isLive };
    }
  }

  #topWords(rows) {
    if (this.#chat.timeline.first > 1) return "Loading what was said before";
    return rows.length === 0 ? "Nobody has said anything yet." : "";
  }

  #fromEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight;
  }

  #stay() {
    if (this.#chat && this.atEnd) this.node.scrollTop = this.node.scrollHeight;
  }

  #scrolled() {
    this.#follows = this.#window.atEnd && this.#fromEnd() <= NEAR_END_PX;
    if (this.node.scrollTop < NEAR_EDGE_PX) this.#back();
    if (!this.#window.atEnd && this.#fromEnd() < NEAR_EDGE_PX) {
      this.#window.forth(this.#chat.timeline);
      this.#rebuild();
    }
    this.#hear.moved();
  }

  /** The first row in view, and where it is. */
  #place() {
    const edge = this.node.getBoundingClientRect().top;
    for (const { node } of this.#inOrder()) {
      const { top, bottom } = node.getBoundingClientRect();
      if (bottom > edge) return { node, top };
    }
    return null;
  }

  #inOrder() {
    const byNode = new Map([...this.#kept.values()].map((entry) => [entry.node, entry]));
    return [...this.#list.children].map((node) => byNode.get(node));
  }

  async #back() {
    if (this.#loading) return;
    const chat = this.#chat;
    if (this.#window.back(chat.timeline)) {
      this.#rebuild();
      return;
    }
    if (chat.timeline.first <= 1) return;
    this.#loading = true;
    try {
      await this.#hear.older(chat);
    } finally {
      this.#loading = false;
    }
    if (chat === this.#chat && this.#window.back(chat.timeline)) this.#rebuild();
  }

  /** Old rows come in or go out: nobody wants them read out. */
  #rebuild() {
    this.node.setAttribute("aria-busy", "true");
    this.render();
    this.node.removeAttribute("aria-busy");
  }

  #key(event) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const lines = [...this.#list.querySelectorAll(".line")];
    const at = lines.indexOf(document.activeElement.closest(".line"));
    const next = at < 0 ? lines.at(-1) : lines[at + by];
    next?.focus();
  }
}
