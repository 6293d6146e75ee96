/**
 * What owners and admins did, newest first, in sentences.
 */
import { arrange, avatar, element, lettersOf } from "../parts/element.js";
import { hueOf } from "../text/hues.js";
import { fullTime } from "../text/days.js";
import { doneInWords } from "./audit-words.js";
import { Names } from "./names.js";
import { PageFoot } from "./page-foot.js";
import { Pages } from "./pages.js";
import { logTime } from "./times.js";

const KEPT = "Kept for 400 days. Nobody can change what is written here.";

export class AuditLog {
  #me;
  #clock;
  #names;
  #pages;
  #body = element("tbody");
  #rows = new Map();
  #foot = new PageFoot({ label: "Show earlier ones", onMore: () => this.#pages.more() });

  constructor({ me, calls, clock }) {
    this.#me = me;
    this.#clock = clock;
    this.#names = new Names({ calls, me });
    this.#pages = new Pages({
      ask: async (before) => {
        const { entries, next } = await calls.log(before);
        // The target of an invitation has no name.
        const people = entries.filter(({ action }) => !action.startsWith("invite."));
        await this.#names.learn([...entries.map(({ by }) => by), ...people.map(({ of }) => of)]);
        return { rows: entries, next };
      },
      onChange: () => this.#render(),
    });
    const heads = ["When", "Who", "What"].map((words) => element("th", {}, words));
    this.node = element(
      "div",
      {},
      element("div", { class: "page-head" }, element("h1", {}, "Audit log")),
      element("div", { class: "table-box" }, element(
        "table",
        { class: "stacked" },
        element("thead", {}, element("tr", {}, ...heads)),
        this.#body,
      )),
      this.#foot.node,
    );
  }

  open() {
    this.#pages.begin();
  }

  #render() {
    const nowMs = this.#clock.now();
    const rows = this.#pages.rows.map((entry) => ({
      key: entry.id,
      at: entry.at,
      when: logTime(entry.at, nowMs),
      by: entry.by,
      name: this.#nameOf(entry.by),
      who: entry.by === this.#me.id ? "You" : this.#nameOf(entry.by),
      what: doneInWords(entry, (id) => this.#names.of(id)),
    }));
    arrange(this.#body, rows, this.#rows, {
      shell: () => element("tr", { class: "when-first" }),
      fill: (node, row) => node.replaceChildren(
        element("td", { class: "soft" },
          element("time", { datetime: row.at, title: fullTime(row.at) }, row.when)),
        element("td", {}, element("span", { class: "who" }, faceOf(row), row.who)),
        element("td", { class: "wide" }, row.what),
      ),
    });
    const isEmpty = rows.length === 0;
    const words = isEmpty && !this.#pages.isWaiting ? "No entries yet." : KEPT;
    this.#foot.render(this.#pages, words);
  }

  #nameOf(id) {
    return id === null ? "On the machine" : this.#names.plain(id);
  }
}

function faceOf({ by, name }) {
  if (by === null) return element("span", { class: "mark" });
  return avatar(hueOf(by), lettersOf(name), { person: true, size: "s24" });
}
