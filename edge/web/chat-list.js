/**
 * The chats of the person as links, in sections; unread ones bold with a count, drafts said in
 * words. Decides nothing.
 */
import { arrange, avatar, element, lettersOf } from "./element.js";
import { isBlank } from "./fold.js";
import { icon } from "./icons.js";
import { hueOf } from "./ids.js";
import { listTime } from "./moments.js";
import { plainOf } from "./prose.js";
import { DELETED, noteOf, otherOf, titleOf } from "./words.js";

const EXCERPT = 200;

export class ChatList {
  #me;
  #names;
  #lists = new Map(); // section -> {node, list, kept}

  constructor({ me, names }) {
    this.#me = me;
    this.#names = names;
    this.node = element("div", { class: "chats" });
  }

  /** `sections` as `sectionsOf` gives them; `open` is the chat that is looked at, or null. */
  render(sections, open, nowMs) {
    const wanted = new Set(sections.map(({ name }) => name));
    for (const [name, { node }] of this.#lists) if (!wanted.has(name)) node.remove();
    let place = this.node.firstChild;
    for (const { name, chats } of sections) {
      const { node, list, kept } = this.#section(name);
      if (node === place) place = place.nextSibling;
      else this.node.insertBefore(node, place);
      const rows = chats.map((chat) => this.#row(chat, chat === open, nowMs));
      arrange(list, rows, kept, {
        shell: (row) => element("li", {}, element("a", { href: `#${row.key}` })),
        fill: (item, row) => fill(item.firstChild, row),
      });
    }
  }

  #section(name) {
    if (!this.#lists.has(name)) {
      const list = element("ul", {});
      const id = `in-${name.toLowerCase()}`;
      const heading = element("h2", { id }, name);
      const node = element("section", { "aria-labelledby": id }, heading, list);
      this.#lists.set(name, { node, list, kept: new Map() });
    }
    return this.#lists.get(name);
  }

  #row(chat, isOpen, nowMs) {
    const nameOf = (id) => (id === this.#me.id ? "you" : this.#names.of(id));
    const other = otherOf(chat.detail, this.#me.id, (id) => this.#names.of(id));
    return {
      key: chat.id,
      face: other ?? chat.id,
      isDirect: other !== null,
      title: titleOf(chat.detail, this.#me.id, (id) => this.#names.of(id)),
      time: chat.latest ? listTime(chat.lastMs, nowMs) : "",
      unread: isOpen ? 0 : chat.unread,
      hasMoreUnread: chat.hasMoreUnread,
      draft: isOpen ? "" : chat.draft.trim().slice(0, EXCERPT),
      unsent: chat.timeline.unsent.some((item) => item.state === "failed"),
      preview: this.#preview(chat, nameOf, other !== null),
      isOpen,
    };
  }

  #preview(chat, nameOf, isDirect) {
    const unsent = chat.timeline.unsent.at(-1);
    if (unsent) return `You: ${plainOf(unsent.text.slice(0, EXCERPT))}`;
    const event = chat.latest;
    if (event === null) return "";
    if (event.type !== "message") return noteOf(event, nameOf);
    const said = isBlank(event) ? DELETED : plainOf(event.message.slice(0, EXCERPT));
    if (event.by === this.#me.id) return `You: ${said}`;
    return isDirect ? said : `${this.#names.of(event.by)}: ${said}`;
  }
}

function fill(link, row) {
  link.className = row.unread > 0 ? "row unread" : "row";
  if (row.isOpen) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  link.replaceChildren(
    avatar(hueOf(row.face), lettersOf(row.title), { person: row.isDirect }),
    element(
      "span",
      { class: "two" },
      element(
        "span",
        {},
        element("span", { class: "title cut", dir: "auto" }, row.title),
        element("time", {}, row.time),
      ),
      element("span", {}, preview(row), row.unread > 0 ? badge(row) : null),
    ),
  );
}

function preview({ draft, unsent, preview }) {
  const said = element("span", { class: "preview cut", dir: "auto" });
  if (unsent) said.append(element("span", { class: "fail" }, "Not sent: "), preview.slice(5));
  else if (draft) said.append(element("span", { class: "draft" }, "Draft: "), draft);
  else said.append(preview);
  if (draft || unsent) {
    said.append(element("span", { class: "sign" }, icon("edit", { small: true })));
  }
  return said;
}

/** What waits for me alone has the colour; a chat of many has a quiet count. */
function badge({ unread, hasMoreUnread, isDirect }) {
  const text = unread > 99 ? "99+" : `${unread}${hasMoreUnread ? "+" : ""}`;
  return element(
    "span",
    { class: isDirect ? "badge mention" : "badge" },
    element("span", { class: "unseen" }, isDirect ? "For you: " : "Unread: "),
    text,
  );
}
