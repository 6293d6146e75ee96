/**
 * The people of a chat: adding on top, a filter, and a virtual list, so that a chat of thousands
 * costs one screen of names.
 */
import { arrange, avatar, element, lettersOf, presenceBeside } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { newId } from "../client/ids.js";
import { hueOf } from "../text/hues.js";
import { isCut } from "../text/mentions.js";
import { openMenu } from "../parts/menu.js";
import { askForPeople } from "../state/named-people.js";
import { PeoplePicker } from "../parts/people-picker.js";
import { disabledWhile, tell } from "../parts/submitting.js";
import { peopleInWords } from "../text/people-words.js";
import { refusalInWords } from "../text/words.js";

const ROW_PX = 44;
const BEYOND = 4; // rows rendered above and below the visible ones
const FEW = 8; // people for whom no filter is needed
const FILTER_AFTER_MS = 200;

export class ChatPeople {
  #chat;
  #me;
  #api;
  #names;
  #presence;
  #layers;
  #toast;
  #does;
  #start = ""; // of the names of those who are shown
  #kept = new Map();
  #key = newId();
  #search;
  #error = element("p", { class: "error", role: "alert" });
  #count = element("h3", {});
  #rows = element("ul", {});
  #filter;
  #filterBox;
  #adding;
  #add;
  #list;

  /** `does` is `{write(userId)}`. */
  constructor({ chat, me, api, names, presence, layers, toast, does }) {
    this.#chat = chat;
    this.#me = me;
    this.#api = api;
    this.#names = names;
    this.#presence = presence;
    this.#layers = layers;
    this.#toast = toast;
    this.#does = does;
    this.#filter = element("input", {
      class: "input", type: "search", "aria-label": "Filter people", autocomplete: "off",
      oninput: () => this.#filterSoon(),
    });
    this.#filterBox = element("label", { class: "with-icon" }, icon("search"), this.#filter);
    this.#add = element(
      "button", { type: "button", onclick: () => this.add() }, icon("add-person"), "Add people",
    );
    this.#adding = element("div", { class: "adding", hidden: true });
    this.#list = element(
      "div",
      { class: "people", tabindex: "-1", onscroll: () => this.render() },
      this.#count,
      this.#rows,
    );
    new ResizeObserver(() => this.render()).observe(this.#list);
    this.node = element(
      "div",
      { class: "about" },
      element("div", { class: "top" }, this.#add, this.#adding, this.#error, this.#filterBox),
      this.#list,
    );
  }

  /** Shows the field for adding people, with the focus. */
  add() {
    const go = element("button", { type: "button", class: "strong", disabled: true }, "Add");
    const picker = new PeoplePicker({
      api: this.#api,
      names: this.#names,
      label: "Add people",
      isOut: (id) => this.#chat.detail.participants.includes(id),
      onChange: (people) => {
        go.disabled = people.length === 0;
        this.#key = newId();
        this.#error.textContent = "";
      },
    });
    picker.input.addEventListener("input", () => { this.#error.textContent = ""; });
    const done = () => {
      this.#adding.hidden = true;
      this.#error.textContent = "";
      this.#add.hidden = false;
      this.#add.focus();
    };
    go.addEventListener("click", () => {
      if (picker.unchosen) {
        this.#error.textContent = picker.unchosen;
        picker.input.focus();
        return;
      }
      this.#try(go, async () => {
        const ids = picker.chosen.map((user) => user.id);
        await this.#api.addPeople(this.#chat.id, ids, this.#key);
        done();
      });
    });
    const cancel = element("button", { type: "button", class: "quiet", onclick: done }, "Cancel");
    this.#adding.replaceChildren(picker.node, element("div", { class: "line-of" }, go, cancel));
    this.#adding.hidden = false;
    this.#add.hidden = true;
    picker.input.focus();
  }

  /** Shows the current people that are in view. */
  render() {
    const { participants, participantCount, owner } = this.#chat.detail;
    const isAll = this.#start === "";
    const ids = isAll
      ? participants
      : participants.filter((id) => this.#names.isCalled(id, this.#start));
    this.#filterBox.hidden = participantCount <= FEW;
    const all = isCut(this.#chat.detail)
      ? `The first ${participants.length} of ${peopleInWords(participantCount)}`
      : peopleInWords(participantCount);
    this.#filter.placeholder = `Filter ${peopleInWords(participants.length)}`;
    this.#add.hidden = !this.#chat.isOwner || !this.#adding.hidden;
    const first = Math.max(0, Math.floor(this.#list.scrollTop / ROW_PX) - BEYOND);
    const count = Math.ceil(this.#list.clientHeight / ROW_PX) + 2 * BEYOND;
    const shown = ids.slice(first, first + count).map((id) => ({
      key: id, name: this.#names.of(id), status: this.#names.statusOf(id),
      picture: this.#names.pictureOf(id), state: this.#presence.of(id),
      role: id === this.#me.id ? "You" : id === owner ? "Owner" : "",
    }));
    const counted = isAll ? all : `${ids.length || "No matches"}`;
    if (this.#count.textContent !== counted) this.#count.textContent = counted;
    this.#rows.style.setProperty("height", `${ids.length * ROW_PX}px`);
    this.#rows.style.setProperty("padding-top", `${first * ROW_PX}px`);
    arrange(this.#rows, shown, this.#kept, { shell: (row) => this.#shell(row), fill });
  }

  #shell({ key: id }) {
    if (id === this.#me.id) return element("li", { class: "person-row" });
    const more = element(
      "button",
      {
        class: "bare", type: "button", "aria-haspopup": "menu",
        onclick: () => this.#menu(id, more),
      },
      icon("more"),
    );
    return element(
      "li",
      { class: "person-row known", onclick: ({ target }) => {
        if (!more.contains(target)) this.#menu(id, more);
      } },
      more,
    );
  }

  #menu(id, anchor) {
    const name = this.#names.of(id);
    const write = { icon: "chat", label: `Write to ${name}`, take: () => this.#does.write(id) };
    const remove = {
      icon: "leave", label: "Remove from this chat", danger: true,
      // Not disabled, it keeps the focus until its row is gone, and leaves it to the next one.
      take: () => this.#try(null, () => this.#api.removePerson(this.#chat.id, id)),
    };
    const items = this.#chat.isOwner ? [write, null, remove] : [write];
    openMenu({ label: name, anchor, items, layers: this.#layers });
  }

  #filterSoon() {
    clearTimeout(this.#search);
    this.#search = setTimeout(() => this.#find(), FILTER_AFTER_MS);
  }

  /** Known people are found at once, the others when their names have come. */
  async #find() {
    this.#start = this.#filter.value.trim();
    this.render();
    if (this.#start === "") return;
    this.#names.need(this.#chat.detail.participants);
    try {
      await askForPeople(this.#start, { api: this.#api, names: this.#names });
    } catch (error) {
      if (error.code === undefined) throw error;
    }
  }

  /** `button`, if given, is disabled meanwhile. */
  async #try(button, act) {
    this.#error.textContent = "";
    try {
      await (button ? disabledWhile(button, act) : act());
    } catch (failure) {
      if (failure.code === undefined) throw failure;
      tell(this.#error, refusalInWords(failure), this.#toast);
    }
  }
}

/** Its button stays: it may have the focus, or be pressed. */
function fill(node, { key: id, name, status, picture, state, role }) {
  const more = node.querySelector("button");
  more?.setAttribute("aria-label", `More about ${name}`);
  for (const child of [...node.children]) if (child !== more) child.remove();
  node.prepend(
    avatar(hueOf(id), lettersOf(name), { person: true, size: "s28", state, picture }),
    element(
      "span",
      { class: "two" },
      element("b", { class: "cut", dir: "auto" }, name, presenceBeside(state)),
      status ? element("span", { class: "cut", dir: "auto" }, status) : null,
    ),
    ...(role ? [element("span", { class: "role" }, role)] : []),
  );
}
