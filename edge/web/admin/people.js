/**
 * All accounts: search by name, and the actions that owners and admins may take.
 */
import { arrange, avatar, element, lettersOf } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { hueOf } from "../text/hues.js";
import { openMenu } from "../parts/menu.js";
import { fullTime } from "../text/days.js";
import { peopleInWords } from "../text/people-words.js";
import { PageFoot } from "./page-foot.js";
import { Pages } from "./pages.js";
import { ROLES, nameOf } from "./person.js";
import {
  openDeactivation, openDeletion, openReset, openRole, reactivate,
} from "./person-sheets.js";
import { logTime } from "./times.js";

const PAUSE_MS = 150;

export class People {
  #me;
  #parts;
  #clock;
  #pages;
  #find;
  #body = element("tbody");
  #rows = new Map();
  #foot = new PageFoot({ label: "Show more", onMore: () => this.#pages.more() });
  #cancel = () => {};

  constructor(parts) {
    this.#me = parts.me;
    this.#clock = parts.clock;
    this.#parts = {
      calls: parts.calls, layers: parts.layers, toast: parts.toast,
      onChanged: (person) => this.#pages.replace(person),
      onDeleted: (person) => this.#pages.remove(person.id),
    };
    this.#pages = new Pages({
      ask: async (before) => {
        const { users, next } = await parts.calls.people(this.#find.value.trim(), before);
        return { rows: users, next };
      },
      onChange: () => this.#render(),
    });
    this.#find = element("input", {
      class: "input", type: "search", placeholder: "Find by name", autocomplete: "off",
      autocapitalize: "none", spellcheck: "false", "aria-label": "Find people by name",
      oninput: () => this.#typed(),
    });
    this.node = element(
      "div",
      {},
      element(
        "div",
        { class: "page-head" },
        element("h1", {}, "People"),
        element("label", { class: "with-icon" }, icon("search"), this.#find),
        element("a", { class: "button strong", href: "#invitations" }, icon("add-person"), "Invite"),
      ),
      element("div", { class: "table-box" }, element(
        "table",
        { class: "stacked" },
        element("thead", {}, element("tr", {},
          ...["Name", "E-mail", "Role", "Last here"].map((words) => element("th", {}, words)),
          element("th", {}, element("span", { class: "unseen" }, "More")))),
        this.#body,
      )),
      this.#foot.node,
    );
  }

  open() {
    this.#pages.begin();
  }

  #typed() {
    this.#cancel();
    this.#cancel = this.#clock.after(PAUSE_MS, () => this.#pages.begin());
  }

  #render() {
    const nowMs = this.#clock.now();
    const rows = this.#pages.rows.map((person) => ({
      key: person.id,
      person,
      seen: person.lastSeenAt ? logTime(person.lastSeenAt, nowMs) : "Never",
    }));
    arrange(this.#body, rows, this.#rows, {
      shell: ({ person }) => this.#shell(person),
      fill: (node, row) => fill(node, row, { isMe: row.person.id === this.#me.id }),
    });
    this.#foot.render(this.#pages, this.#countInWords());
  }

  #countInWords() {
    const { rows, hasMore, isWaiting } = this.#pages;
    if (rows.length === 0) return isWaiting ? "" : "No user has this name.";
    return hasMore ? `${peopleInWords(rows.length)} so far` : peopleInWords(rows.length);
  }

  /** The button is reused when the row changes: it may have the focus. */
  #shell({ id }) {
    const more = element(
      "button", { type: "button", class: "bare", "aria-haspopup": "menu" }, icon("more"),
    );
    more.addEventListener("click", () => {
      const person = this.#pages.rows.find((one) => one.id === id);
      const label = `About ${nameOf(person)}`;
      openMenu({ label, anchor: more, items: this.#items(person), layers: this.#parts.layers });
    });
    return element(
      "tr",
      {},
      element("td", { class: "name" }),
      element("td", { class: "less soft cut" }),
      element("td", { class: "role-cell" }),
      element("td", { class: "seen" }),
      element("td", { class: "end more" }, this.#mayAct(id) ? more : null),
    );
  }

  /** Owners act on everybody, admins on members; the user's own account is in the settings. */
  #mayAct(id) {
    const person = this.#pages.rows.find((one) => one.id === id);
    return this.#me.role === "owner" || person.role === "member";
  }

  #items(person) {
    const parts = this.#parts;
    const item = (symbol, label, act, danger = false) => (
      { icon: symbol, label, danger, take: () => act(person, parts) }
    );
    const role = this.#me.role === "owner" ? [item("edit", "Change role", openRole)] : [];
    if (person.id === this.#me.id) return role;
    return [
      ...role,
      item("link", "Reset password", openReset),
      person.active
        ? item("leave", "Deactivate", openDeactivation)
        : item("check", "Reactivate", reactivate),
      null,
      item("trash", "Delete", openDeletion, true),
    ];
  }
}

function fill(node, { person, seen }, { isMe }) {
  const [name, email, role, last, more] = node.children;
  const title = nameOf(person);
  name.replaceChildren(element(
    "span",
    { class: "who" },
    avatar(hueOf(person.id), lettersOf(title), { person: true, size: "s28" }),
    element("span", { class: "cut", dir: "auto" }, title),
    person.displayName ? element("span", { class: "soft cut" }, person.username) : null,
    isMe ? element("span", { class: "soft" }, "you") : null,
  ));
  email.textContent = person.email;
  role.textContent = ROLES[person.role].label;
  last.replaceChildren(person.active
    ? element("span", person.lastSeenAt ? { title: fullTime(person.lastSeenAt) } : {}, seen)
    : element("span", { class: "tag bad" }, "Deactivated"));
  more.firstElementChild?.setAttribute("aria-label", `More about ${title}`);
}
