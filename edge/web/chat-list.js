/**
 * The chats of the person as links, the newest event first; unread ones bold with a count, drafts
 * said in words. Decides nothing.
 */
import { arrange, avatar, element, lettersOf } from "./element.js";
import { hueOf } from "./ids.js";
import { listTime } from "./moments.js";
import { noteOf, otherOf, titleOf } from "./words.js";

export class ChatList {
  #me;
  #names;
  #kept = new Map();

  constructor({ me, names }) {
    this.#me = me;
    this.#names = names;
    this.node = element("ul", { class: "chats" });
  }

  /** `chats` in order; `open` is the one that is looked at, or null. */
  render(chats, open, nowMs) {
    const rows = chats.map((chat) => this.#row(chat, chat === open, nowMs));
    arrange(this.node, rows, this.#kept, {
      shell: (row) => element("li", {}, element("a", { href: `#${row.key}` })),
      fill: (node, row) => fill(node, row),
    });
  }

  #row(chat, isOpen, nowMs) {
    const nameOf = (id) => (id === this.#me.id ? "you" : this.#names.of(id));
    return {
      key: chat.id,
      face: otherOf(chat.detail, this.#me.id, (id) => this.#names.of(id)) ?? chat.id,
      title: titleOf(chat.detail, this.#me.id, (id) => this.#names.of(id)),
      time: chat.latest ? listTime(chat.lastMs, nowMs) : "",
      unread: chat.unread,
      hasMoreUnread: chat.hasMoreUnread,
      draft: isOpen ? "" : chat.draft.trim(),
      unsent: chat.timeline.outgoing.some((item) => item.state === "failed"),
      preview: this.#preview(chat, nameOf),
      isOpen,
    };
  }

  #preview(chat, nameOf) {
    const unsent = chat.timeline.outgoing.at(-1);
    if (unsent) return `You: ${unsent.text}`.slice(0, 200);
    const event = chat.latest;
    if (event === null) return "";
    if (event.type !== "message") return noteOf(event, nameOf);
    const by = event.by === this.#me.id ? "You" : this.#names.of(event.by);
    return `${by}: ${event.message}`.slice(0, 200);
  }
}

function fill(node, row) {
  node.className = [row.isOpen && "open", row.unread > 0 && "unread"].filter(Boolean).join(" ");
  const link = node.firstChild;
  if (row.isOpen) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
  link.replaceChildren(
    avatar(hueOf(row.face), lettersOf(row.title)),
    element("span", { class: "title", dir: "auto" }, row.title),
    element("span", { class: "time" }, row.time),
    preview(row),
    row.unread > 0 ? count(row) : "",
  );
}

function preview({ draft, unsent, preview }) {
  const said = element("span", { class: "preview", dir: "auto" });
  if (unsent) said.append(element("span", { class: "warn" }, "Not sent: "), preview.slice(5));
  else if (draft) said.append(element("span", { class: "warn" }, "Draft: "), draft.slice(0, 200));
  else said.append(preview);
  return said;
}

function count({ unread, hasMoreUnread }) {
  const text = unread > 99 ? "99+" : `${unread}${hasMoreUnread ? "+" : ""}`;
  return element("span", { class: "count" }, text, element("span", { class: "unseen" }, " new"));
}
