/**
 * The finder: one search field over the page for chats by name, people by name prefix and messages
 * by words. Reports the choice; opens nothing itself.
 */
import { isComposing } from "../parts/composing.js";
import { element } from "../parts/element.js";
import { FoundGroup, idOf } from "./found-group.js";
import { excerptOf, isFound } from "./found-message.js";
import { cutAt, findIn, wantedBy } from "../text/found-words.js";
import { icon } from "../parts/icons.js";
import { Lookup } from "./lookup.js";
import { fullTime } from "../text/days.js";
import { listTime } from "../text/moments.js";
import { askForPeople, peopleCalled } from "../state/named-people.js";
import { peopleInWords } from "../text/people-words.js";
import { otherOf, refusalInWords, titleOf } from "../text/words.js";

const MOST_CHATS = 30;
const MOST_PEOPLE = 20;
const MOST_RECENT = 8;
const MOST_TYPED = 200;
const PAGE = 20;
const NEAR_END_PX = 300;
const GROUPS = ["Recent", "Unread", "Chats", "People", "Messages"];

export class Finder {
  #me;
  #chats;
  #names;
  #presence;
  #clock;
  #choose;
  #layers;
  #dialog;
  #input;
  #groups = GROUPS.map((name) => new FoundGroup(name));
  #hits = element("div", { class: "hits", role: "listbox", id: "hits", "aria-label": "Found" });
  #said = element("p", { class: "hint", role: "status" });
  #count = element("p", { class: "unseen", role: "status" });
  #box;
  #people;
  #messages;
  #rows = []; // as shown, across all groups
  #active = null; // the key of a row; null for the first
  #excerpts = new WeakMap(); // message -> {typed, parts}
  #close = () => this.#dialog.close();

  /** `choose` is `{chat(chat), person(userId), message(chat, seq)}`; `layers` as in `layers.js`. */
  constructor({ me, api, chats, names, presence, clock, layers, choose }) {
    this.#me = me;
    this.#chats = chats;
    this.#names = names;
    this.#presence = presence;
    this.#clock = clock;
    this.#layers = layers;
    this.#choose = choose;
    const onChange = () => this.render();
    this.#people = new Lookup({
      clock, onChange,
      ask: async (text) => ({ found: await askForPeople(text, { api, names }), next: null }),
    });
    this.#messages = new Lookup({
      clock, onChange,
      ask: async (text, before) => {
        const { messages, next } = await api.search(text, { before, limit: PAGE });
        return { found: messages, next };
      },
    });
    this.#hits.append(...this.#groups.map(({ node }) => node));
    this.#box = element(
      "div", { class: "found-box", onscroll: () => this.#scrolled() }, this.#hits, this.#said,
    );
    this.#input = element("input", {
      class: "input",
      type: "text",
      role: "combobox",
      "aria-label": "Find a chat, a person or a message",
      "aria-controls": "hits",
      "aria-expanded": "true",
      "aria-autocomplete": "list",
      placeholder: "Find a chat, a person or a message",
      maxlength: MOST_TYPED,
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      enterkeyhint: "go",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
    });
    this.#dialog = this.#build();
  }

  open() {
    if (this.#dialog.open) return;
    this.#input.value = "";
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#layers.opened(this.#close);
    this.#typed();
    this.#input.focus();
  }

  /** Updates what is shown, if open. */
  render() {
    if (!this.#dialog.open) return;
    const text = this.#input.value.trim();
    const rows = text === "" ? this.#suggested() : this.#found(text);
    for (const group of this.#groups) {
      group.render(rows[group.name] ?? [], (key) => this.#take(key));
    }
    this.#rows = this.#groups.flatMap(({ name }) => rows[name] ?? []);
    this.#mark();
    this.#say(text);
    this.#scrolled();
  }

  #build() {
    const keys = (...names) => names.flatMap((name) => [element("kbd", {}, name), " "]);
    return element(
      "dialog",
      {
        class: "finder",
        "aria-label": "Find",
        onclose: () => this.#closed(),
        onclick: (event) => {
          if (event.target === this.#dialog) this.#close();
        },
      },
      element(
        "div",
        { class: "with-icon" },
        icon("search"),
        this.#input,
        element("kbd", { class: "by-keys" }, "Esc"),
        element("button", { class: "quiet", type: "button", onclick: this.#close }, "Close"),
      ),
      this.#box,
      this.#count,
      element(
        "footer",
        { class: "by-keys" },
        element("span", {}, ...keys("↑", "↓"), "choose"),
        element("span", {}, ...keys("Enter"), "open"),
      ),
    );
  }

  #closed() {
    this.#people.want("");
    this.#messages.want("");
    this.#layers.closed(this.#close);
    this.#dialog.remove();
  }

  #typed() {
    const text = this.#input.value.trim();
    this.#active = null;
    this.#people.want(text);
    this.#messages.want(wantedBy(text).length > 0 ? text : "");
    this.#box.scrollTop = 0;
    this.render();
  }

  /** Shows errors or that nothing was found; announces the number of results to screen readers. */
  #say(text) {
    const isWaiting = this.#people.isWaiting || this.#messages.isWaiting;
    const error = this.#messages.error ?? this.#people.error;
    const isNothing = text !== "" && this.#rows.length === 0 && !isWaiting;
    setText(this.#said, error ? refusalInWords(error) : isNothing ? "No matches" : "");
    if (isWaiting) return;
    const more = this.#messages.hasMore ? " and more" : "";
    const count = this.#rows.length;
    const isCounted = text !== "" && count > 0;
    setText(this.#count, isCounted ? `${count} ${count === 1 ? "match" : "matches"}${more}` : "");
  }

  #suggested() {
    const chats = this.#chats.sorted();
    const unread = chats.filter((chat) => chat.waiting > 0);
    const recent = chats.filter((chat) => chat.waiting === 0).slice(0, MOST_RECENT);
    const rowOf = (chat) => this.#ofChat(chat, []);
    return { Recent: recent.map(rowOf), Unread: unread.map(rowOf) };
  }

  #found(text) {
    const wanted = wantedBy(text);
    const chats = this.#chats.sorted().map((chat) => this.#ofChat(chat, wanted))
      .filter(({ title, isAll }) => isAll || title.toLowerCase().includes(text.toLowerCase()))
      .slice(0, MOST_CHATS);
    const faces = new Set(chats.map((row) => row.face));
    const people = peopleCalled(text, this.#names.ids, this.#names)
      .filter((id) => id !== this.#me.id && !faces.has(id))
      .slice(0, MOST_PEOPLE)
      .map((id) => this.#ofPerson(id, wanted));
    const { found, isCurrent } = this.#messages;
    const messages = found.filter((message) => (
      this.#chats.get(message.chat)?.detail && (isCurrent || isFound(message, wanted))
    )).map((message) => this.#ofMessage(message, text, wanted));
    return { Chats: chats, People: people, Messages: messages };
  }

  #ofMessage(message, typed, wanted) {
    const { chat, messageId, at, by } = message;
    if (this.#excerpts.get(message)?.typed !== typed) {
      this.#excerpts.set(message, { typed, parts: excerptOf(message, wanted) });
    }
    return {
      key: `message-${messageId}`, isMessage: true, by, title: fullTime(at),
      face: this.#names.of(by), name: by === this.#me.id ? "You" : this.#names.of(by),
      picture: this.#names.pictureOf(by),
      where: this.#titleOf(this.#chats.get(chat)),
      time: listTime(Date.parse(at), this.#clock.now()),
      parts: this.#excerpts.get(message).parts,
    };
  }

  #ofPerson(id, wanted) {
    const name = this.#names.of(id);
    const { username } = this.#names.known(id);
    return {
      key: `person-${id}`, face: id, isPerson: true, unread: 0,
      what: name === username ? "" : username,
      picture: this.#names.pictureOf(id),
      state: this.#presence.of(id),
      ...named(name, wanted),
    };
  }

  #ofChat(chat, wanted) {
    const other = otherOf(chat.detail, this.#me.id);
    const people = other === null ? peopleInWords(chat.detail.participantCount) : "";
    return {
      key: `chat-${chat.id}`,
      face: other ?? chat.id,
      isPerson: other !== null,
      picture: this.#names.pictureOf(other),
      what: chat.draft.trim() === "" ? people : "Draft",
      unread: chat.waiting,
      state: other === null ? "" : this.#presence.of(other),
      ...named(this.#titleOf(chat), wanted),
    };
  }

  #titleOf(chat) {
    return titleOf(chat.detail, this.#me.id, (id) => this.#names.of(id));
  }

  /** Selects the row that Enter opens; `isByKey` scrolls it into view. */
  #mark({ isByKey = false } = {}) {
    const at = Math.max(0, this.#rows.findIndex(({ key }) => key === this.#active));
    const active = this.#rows[at];
    for (const node of this.#hits.querySelectorAll(".hit")) {
      node.setAttribute("aria-selected", String(node.dataset.key === active?.key));
    }
    if (!active) {
      this.#input.removeAttribute("aria-activedescendant");
      return;
    }
    this.#input.setAttribute("aria-activedescendant", idOf(active.key));
    if (isByKey) document.getElementById(idOf(active.key)).scrollIntoView({ block: "nearest" });
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) this.#messages.more();
  }

  #key(event) {
    if (isComposing(event) || event.altKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.#step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#take(this.#active ?? this.#rows[0]?.key);
    }
  }

  #step(by) {
    const count = this.#rows.length;
    const at = Math.max(0, this.#rows.findIndex(({ key }) => key === this.#active)) + by;
    if (count === 0 || (at === count && this.#messages.hasMore)) return; // more is loading
    this.#active = this.#rows[(at + count) % count].key;
    this.#mark({ isByKey: true });
  }

  #take(key) {
    const row = this.#rows.find((one) => one.key === key);
    if (!row) return;
    const [kind, id] = [key.slice(0, key.indexOf("-")), key.slice(key.indexOf("-") + 1)];
    if (kind === "chat") this.#choose.chat(this.#chats.get(id));
    else if (kind === "person") this.#choose.person(id);
    else {
      const { chat, seq } = this.#messages.found.find((one) => one.messageId === id);
      this.#choose.message(this.#chats.get(chat), seq);
    }
    if (this.#dialog.open) this.#close();
  }
}

/** A title with the found words marked; `isAll` if it has all of them. */
function named(title, wanted) {
  const { ranges, isAll } = findIn(title, wanted);
  return { title, parts: cutAt(title, ranges), isAll: isAll && wanted.length > 0 };
}

/** A live region is announced whenever its text is set, even to the same value. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
