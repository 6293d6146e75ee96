/**
 * The user's chats as links, in sections; unread ones bold with a count, drafts in words, archived
 * ones behind a button. Decides nothing.
 */
import { arrange, avatar, element, lettersOf, presenceBeside } from "../parts/element.js";
import { isBlank } from "../client/fold.js";
import { icon } from "../parts/icons.js";
import { hueOf } from "../text/hues.js";
import { hearLongPress } from "../parts/long-press.js";
import { listTime } from "../text/moments.js";
import { saidIn } from "../text/said.js";
import { DELETED, otherOf, titleOf } from "../text/words.js";

const EXCERPT = 200;

export class ChatList {
  #me;
  #names;
  #presence;
  #inView = new Set(); // ids of chats
  #watching;
  #open = null; // the chat that was scrolled into view
  #lists = new Map(); // section -> {node, list, kept}

  /** `onMenu(id, anchor)` opens the menu of a chat. */
  constructor({ me, names, presence, onMenu }) {
    this.#me = me;
    this.#names = names;
    this.#presence = presence;
    const openMenu = ({ hash }) => {
      const link = this.node.querySelector(`.row[href="${hash}"]`); // a new one in a new section
      if (link) onMenu(hash.slice(1), link);
      return link !== null;
    };
    this.node = element("div", {
      class: "chats",
      oncontextmenu: (event) => {
        const link = event.target.closest(".row");
        if (link === null || event.pointerType === "touch") return;
        openMenu(link);
        event.preventDefault();
      },
    });
    hearLongPress(this.node, ".row", openMenu);
    this.#watching = new IntersectionObserver((entries) => this.#looked(entries), {
      root: this.node,
    });
  }

  /** `sections` as `sectionsOf` returns them; `open` is the open chat, or null. */
  render(sections, open, nowMs) {
    const focused = this.node.contains(document.activeElement) ? document.activeElement.hash : "";
    const wanted = new Set(sections.map(({ name }) => name));
    for (const [name, { node }] of this.#lists) if (!wanted.has(name)) node.remove();
    let place = this.node.firstChild;
    for (const { name, chats } of sections) {
      const { node, list, kept, fold } = this.#section(name);
      fold?.(chats, open);
      if (node === place) place = place.nextSibling;
      else this.node.insertBefore(node, place);
      const rows = chats.map((chat) => this.#row(chat, chat === open, nowMs));
      arrange(list, rows, kept, {
        shell: (row) => this.#shell(row),
        fill: (item, row) => fill(item.firstChild, row),
      });
    }
    this.#keepFocus(focused);
    this.#showOpen(open);
  }

  /** A chat that has moved to another section has another link there, unless it is hidden. */
  #keepFocus(hash) {
    if (!hash || document.activeElement.hash === hash) return;
    this.node.querySelector(`.row[href="${hash}"]`)?.focus();
  }

  /** Scrolls the open chat into view in the list, however it was opened. */
  #showOpen(open) {
    if (open === this.#open) return;
    this.#open = open;
    this.node.querySelector(".row[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  #shell({ key }) {
    const item = element("li", {}, element("a", { href: `#${key}` }));
    this.#watching.observe(item);
    return item;
  }

  /** Presence is only needed for people in view. */
  #looked(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = target.firstChild.hash.slice(1);
      if (isIntersecting) this.#inView.add(id);
      else this.#inView.delete(id);
    }
  }

  #section(name) {
    if (!this.#lists.has(name)) {
      const list = element("ul", {});
      const id = `in-${name.toLowerCase()}`;
      const { heading, fold } = name === "Archived" ? foldable(id, list) : { heading: name };
      const node = element(
        "section", { "aria-labelledby": id }, element("h2", { id }, heading), list,
      );
      this.#lists.set(name, { node, list, kept: new Map(), fold });
    }
    return this.#lists.get(name);
  }

  #row(chat, isOpen, nowMs) {
    const other = otherOf(chat.detail, this.#me.id);
    const isRead = isOpen && !chat.isKeptUnread; // or soon will be
    return {
      key: chat.id,
      face: other ?? chat.id,
      picture: this.#names.pictureOf(other),
      isDirect: other !== null,
      title: titleOf(chat.detail, this.#me.id, (id) => this.#names.of(id)),
      time: chat.latest ? listTime(chat.lastMs, nowMs) : "",
      waiting: isRead ? 0 : chat.waiting,
      mentions: chat.mentions,
      isUnread: !isRead && chat.unread > 0,
      isMuted: chat.mine.notify === "none",
      draft: isOpen ? "" : chat.draft.trim().slice(0, EXCERPT) || saidIn("", chat.files),
      unsent: chat.timeline.unsent.some((item) => item.state === "failed"),
      ...this.#said(chat, other !== null),
      state: other !== null && this.#inView.has(chat.id) ? this.#presence.of(other) : "",
      isOpen,
    };
  }

  /** The last message, and its author if needed. */
  #said(chat, isDirect) {
    const unsent = chat.timeline.unsent.at(-1);
    if (unsent) return { by: "You", said: this.#textOf(unsent.text, unsent) };
    const { latest } = chat;
    if (latest === null) return { by: "", said: "Nobody has written yet" };
    const said = isBlank(latest) ? DELETED : this.#textOf(latest.message, latest);
    if (latest.by === this.#me.id) return { by: "You", said };
    return { by: isDirect ? "" : this.#names.of(latest.by), said };
  }

  #textOf(text, { mentions, attachments }) {
    return saidIn(this.#names.namedIn(text, mentions), attachments);
  }
}

/** A heading that is a button, which shows and hides the list. */
function foldable(id, list) {
  const count = element("span", { class: "soft" });
  const heading = element(
    "button",
    {
      class: "quiet fold", type: "button", "aria-expanded": "false",
      onclick: () => {
        show(list.hidden);
        list.scrollIntoView({ block: "nearest" });
      },
    },
    icon("archive", { small: true }), "Archived ", count,
  );
  list.hidden = true;
  let shown = null; // the open chat that was already shown
  function show(isShown) {
    list.hidden = !isShown;
    heading.setAttribute("aria-expanded", String(isShown));
  }
  return {
    heading,
    /** Expands the list when one of its chats is opened. */
    fold(chats, open) {
      const text = String(chats.length);
      if (count.textContent !== text) count.textContent = text;
      if (open !== shown && chats.includes(open)) show(true);
      shown = open;
    },
  };
}

function fill(link, row) {
  link.className = ["row", row.waiting > 0 && "unread", row.isMuted && "muted"]
    .filter(Boolean).join(" ");
  if (row.isOpen) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  link.replaceChildren(
    avatar(hueOf(row.face), lettersOf(row.title), {
      person: row.isDirect, state: row.state, picture: row.picture,
    }),
    element(
      "span",
      { class: "two" },
      element(
        "span",
        {},
        element("span", { class: "title cut", dir: "auto" }, row.title, presenceBeside(row.state)),
        row.isMuted ? icon("mute", { small: true }) : null,
        row.isMuted ? element("span", { class: "unseen" }, "Muted") : null,
        element("time", {}, row.time),
      ),
      element("span", {}, preview(row), badge(row)),
    ),
  );
}

/** The text determines the direction of the line, not the author's name. */
function preview({ draft, unsent, by, said }) {
  const node = element("span", { class: "preview cut", dir: "auto" });
  if (unsent) node.append(element("bdi", { class: "fail" }, "Not sent: "), said);
  else if (draft) node.append(element("bdi", { class: "draft" }, "Draft: "), draft);
  else if (by) node.append(element("bdi", {}, by), ": ", said);
  else node.append(said);
  if (draft || unsent) {
    node.append(element("span", { class: "sign" }, icon("edit", { small: true })));
  }
  return node;
}

/** Direct messages and mentions are coloured; a group has a plain count, a muted chat none. */
function badge({ waiting, mentions, isUnread, isDirect }) {
  const words = (text) => element("span", { class: "unseen" }, text);
  if (waiting === 0) {
    return isUnread ? element("span", { class: "badge dot" }, words("Unread")) : null;
  }
  if (isDirect) return element("span", { class: "badge mention" }, words("For you: "), counted(waiting));
  return mentions > 0
    ? element("span", { class: "badge mention" }, words("Mentions: "), `@${counted(mentions)}`)
    : element("span", { class: "badge" }, words("Unread: "), counted(waiting));
}

function counted(number) {
  return number > 99 ? "99+" : String(number);
}
