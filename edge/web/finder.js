/**
 * The quick switcher: one field over the page that finds chats by name, people by the beginning of
 * theirs and messages by their words. Tells what was chosen; opens nothing itself.
 */
import { avatar, element, lettersOf } from "./element.js";
import { partsOfMessage, wordsOf } from "./found-message.js";
import { icon } from "./icons.js";
import { hueOf } from "./ids.js";
import { listTime } from "./moments.js";
import { otherOf, peopleInWords, refusalInWords, titleOf } from "./words.js";

const SEARCH_AFTER_MS = 150;
const MOST_CHATS = 30;
const MOST_RECENT = 8;
const MOST_MESSAGES = 20;

export class Finder {
  #me;
  #api;
  #chats;
  #names;
  #choose;
  #layers;
  #dialog;
  #input;
  #hits = element("div", { class: "hits", role: "listbox", id: "hits", "aria-label": "Found" });
  #said = element("p", { class: "hint", "aria-live": "polite" });
  #people = [];
  #messages = [];
  #options = [];
  #active = 0;
  #search;
  #close = () => this.#dialog.close();

  /** `choose` is `{chat(chat), person(user), message(chat, seq)}`; `layers` as in `layers.js`. */
  constructor({ me, api, chats, names, layers, choose }) {
    this.#me = me;
    this.#api = api;
    this.#chats = chats;
    this.#names = names;
    this.#layers = layers;
    this.#choose = choose;
    this.#input = element("input", {
      class: "input",
      type: "text",
      role: "combobox",
      "aria-label": "Find a chat, a person or a message",
      "aria-controls": "hits",
      "aria-expanded": "true",
      "aria-autocomplete": "list",
      placeholder: "Find a chat, a person or a message",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      enterkeyhint: "go",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
    });
    this.#dialog = element(
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
      element("div", { class: "found-box" }, this.#hits, this.#said),
      element(
        "footer",
        { class: "by-keys" },
        element("span", {}, element("kbd", {}, "↑"), " ", element("kbd", {}, "↓"), " choose"),
        element("span", {}, element("kbd", {}, "Enter"), " open"),
      ),
    );
  }

  open() {
    if (this.#dialog.open) return;
    this.#input.value = "";
    this.#people = [];
    this.#messages = [];
    this.#active = 0;
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#layers.opened(this.#close);
    this.#draw();
    this.#input.focus();
  }

  #closed() {
    clearTimeout(this.#search);
    this.#layers.closed(this.#close);
    this.#dialog.remove();
  }

  #typed() {
    clearTimeout(this.#search);
    this.#active = 0;
    this.#said.textContent = "";
    if (this.#input.value.trim() === "") {
      this.#people = [];
      this.#messages = [];
    } else this.#search = setTimeout(() => this.#ask(), SEARCH_AFTER_MS);
    this.#draw();
  }

  async #ask() {
    const start = this.#input.value.trim();
    try {
      const [users, messages] = await Promise.all([
        this.#api.usersNamed(start),
        wordsOf(start).length > 0 ? this.#api.search(start, MOST_MESSAGES) : [],
      ]);
      if (start !== this.#input.value.trim()) return; // a later search is on its way
      this.#people = users.filter((user) => user.id !== this.#me.id);
      this.#messages = messages.filter((message) => this.#chats.get(message.chat)?.detail);
      this.#draw();
      if (this.#options.length === 0) this.#said.textContent = "No matches";
    } catch (error) {
      this.#said.textContent = refusalInWords(error);
    }
  }

  #draw() {
    const groups = this.#input.value.trim() === "" ? this.#suggested() : this.#found();
    this.#options = groups.flatMap(([, options]) => options);
    let n = 0;
    this.#hits.replaceChildren(...groups.filter(([, options]) => options.length > 0).map(
      ([name, options]) => element(
        "div",
        { role: "group", "aria-label": name },
        element("h3", { "aria-hidden": "true" }, name),
        ...options.map((option) => this.#hit(option, n++)),
      ),
    ));
    this.#mark();
  }

  #suggested() {
    const chats = this.#chats.sorted();
    const unread = chats.filter((chat) => chat.unread > 0);
    const recent = chats.filter((chat) => chat.unread === 0).slice(0, MOST_RECENT);
    return [
      ["Recent", recent.map((chat) => this.#ofChat(chat))],
      ["Unread", unread.map((chat) => this.#ofChat(chat))],
    ];
  }

  #found() {
    const wanted = this.#input.value.trim().toLocaleLowerCase();
    const chats = this.#chats.sorted().map((chat) => this.#ofChat(chat))
      .filter(({ title }) => title.toLocaleLowerCase().includes(wanted))
      .slice(0, MOST_CHATS);
    const faces = new Set(chats.map((option) => option.face));
    const people = this.#people.filter((user) => !faces.has(user.id)).map((user) => ({
      face: user.id, title: user.username, isPerson: true, what: "",
      take: () => this.#choose.person(user),
    }));
    const messages = this.#messages.map((message) => this.#ofMessage(message));
    return [["Chats", chats], ["People", people], ["Messages", messages]];
  }

  #ofMessage({ chat: id, seq, at, by, message }) {
    const chat = this.#chats.get(id);
    const name = by === this.#me.id ? "You" : this.#names.of(by);
    const where = titleOf(chat.detail, this.#me.id, (user) => this.#names.of(user));
    const time = listTime(Date.parse(at), Date.now());
    return {
      parts: partsOfMessage({ by, name, where, time, message }, wordsOf(this.#input.value)),
      take: () => this.#choose.message(chat, seq),
    };
  }

  #ofChat(chat) {
    const nameOf = (id) => this.#names.of(id);
    const other = otherOf(chat.detail, this.#me.id, nameOf);
    const people = other === null ? peopleInWords(chat.detail.participantCount) : "";
    return {
      face: other ?? chat.id,
      title: titleOf(chat.detail, this.#me.id, nameOf),
      isPerson: other !== null,
      what: chat.draft.trim() === "" ? people : "Draft",
      unread: chat.unread,
      take: () => this.#choose.chat(chat),
    };
  }

  #hit(option, n) {
    return element(
      "div",
      {
        class: option.parts ? "hit message" : "hit",
        role: "option",
        id: `hit-${n}`,
        onpointerdown: (event) => event.preventDefault(), // the focus stays in the field
        onclick: () => this.#take(n),
      },
      ...(option.parts ?? partsOf(option)),
    );
  }

  #mark() {
    this.#active = Math.min(this.#active, Math.max(0, this.#options.length - 1));
    const nodes = [...this.#hits.querySelectorAll(".hit")];
    nodes.forEach((node, n) => node.setAttribute("aria-selected", String(n === this.#active)));
    const active = nodes[this.#active];
    if (active) this.#input.setAttribute("aria-activedescendant", active.id);
    else this.#input.removeAttribute("aria-activedescendant");
    active?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    if (event.isComposing || event.altKey) return;
    const count = this.#options.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (count === 0) return;
      this.#active = (this.#active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.#mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#take(this.#active);
    }
  }

  #take(n) {
    const option = this.#options[n];
    if (!option) return;
    option.take();
    if (this.#dialog.open) this.#close();
  }
}

function partsOf({ face, title, isPerson, what, unread }) {
  return [
    avatar(hueOf(face), lettersOf(title), { person: isPerson, size: "s28" }),
    element("span", { class: "cut" }, unread > 0 ? element("b", {}, title) : title,
      " ", element("span", { class: "soft" }, what)),
    unread > 0
      ? element("span", { class: isPerson ? "badge mention" : "badge" }, String(unread))
      : null,
  ];
}
