/**
 * The instance at a glance: size, traffic, processes, and the doctor's findings.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { Flow } from "./flow.js";
import { refused } from "./refusals.js";
import { spark } from "./spark.js";

const ROUND_MS = 5_000;
const UNKNOWN = "–";
const MACHINE = "Disk, file descriptors, versions and secrets are seen on the machine alone: there "
  + "“make doctor” judges them too.";
const WHOLE = new Intl.NumberFormat();
const ONE_DIGIT = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const UNITS = ["B", "kB", "MB", "GB", "TB"];
const ROLES = { users: "Users", chats: "Chats", realtime: "Realtime", cache: "Cache" };

export class Overview {
  #calls;
  #clock;
  #flow = new Flow();
  #sockets = [];
  #cancel = () => {};
  #isOpen = false;
  #tag = element("span", { class: "tag", role: "status" });
  #stats = element("div", { class: "stats" });
  #checks = element("ul", { class: "checks" });
  #replicas = element("ul", { class: "checks" });
  #version = element("p", { class: "sum" });

  constructor({ calls, clock }) {
    this.#calls = calls;
    this.#clock = clock;
    this.node = element(
      "div",
      {},
      element("div", { class: "page-head" }, element("h1", {}, "Overview"), this.#tag),
      this.#stats,
      element("h2", { class: "section" }, "What the doctor says"),
      this.#checks,
      element("p", { class: "sum" }, MACHINE),
      element("h2", { class: "section" }, "Who serves"),
      this.#replicas,
      this.#version,
    );
  }

  open() {
    this.#isOpen = true;
    this.#round();
  }

  close() {
    this.#isOpen = false;
    this.#cancel();
  }

  async #round() {
    try {
      const overview = await this.#calls.overview();
      this.#flow.add(this.#clock.now(), overview.flow);
      if (overview.sockets !== null) this.#sockets = [...this.#sockets, overview.sockets].slice(-60);
      this.#render(overview);
    } catch (error) {
      if (error.code === undefined) throw error;
      this.#say("bad", refused(error));
    }
    if (this.#isOpen) this.#cancel = this.#clock.after(ROUND_MS, () => this.#round());
  }

  #say(kind, words) {
    this.#tag.className = `tag ${kind}`;
    if (this.#tag.textContent !== words) this.#tag.textContent = words;
  }

  #render(overview) {
    const wrong = overview.doctor.filter(({ ok }) => !ok).length;
    if (wrong === 0) this.#say("good", "Everything works");
    else this.#say("bad", wrong === 1 ? "One thing is wrong" : `${wrong} things are wrong`);
    this.#stats.replaceChildren(...this.#statsOf(overview));
    this.#checks.replaceChildren(...overview.doctor.map(({ check, ok, detail }) => element(
      "li",
      {},
      icon(ok ? "done" : "alert"),
      element("span", { class: "unseen" }, ok ? "In order:" : "Wrong:"),
      element("b", {}, check),
      element("span", { class: "grow" }, detail),
    )));
    this.#checks.querySelectorAll(".icon").forEach((node, n) => {
      node.classList.add(overview.doctor[n].ok ? "good" : "bad");
    });
    this.#replicas.replaceChildren(...overview.replicas.map(({ role, known, answering }) => element(
      "li",
      {},
      element("b", {}, ROLES[role] ?? role),
      element("span", { class: "grow" }, answering === known
        ? `${known} ${known === 1 ? "process" : "processes"}`
        : `${answering} of ${known} processes answer`),
    )));
    this.#version.textContent = `Version ${overview.version}`;
  }

  #statsOf(overview) {
    const stored = this.#flow.of("stored");
    const delivered = this.#flow.of("delivered");
    const { databaseBytes, fileBytes } = overview;
    return [
      stat("Connected now", whole(overview.sockets), {
        values: this.#sockets,
        note: overview.sessions === 1 ? "1 session" : `${whole(overview.sessions)} sessions`,
      }),
      stat("Messages a minute", rate(stored), {
        values: stored, note: `${whole(overview.messages)} in all`,
      }),
      stat("Deliveries a minute", rate(delivered), {
        values: delivered, note: "One for each socket that receives an event",
      }),
      stat("People", whole(overview.users), { note: `${whole(overview.activeUsers)} of them active` }),
      stat("Chats", whole(overview.chats)),
      stat("Storage", bytes(total(databaseBytes, fileBytes)), {
        note: `Databases ${bytes(databaseBytes)}, files ${bytes(fileBytes)}`,
      }),
    ];
  }
}

function stat(title, value, { values, note } = {}) {
  return element(
    "section",
    { class: "stat" },
    element("h2", {}, title),
    element("strong", {}, value),
    values ? spark(values) : null,
    note ? element("p", {}, note) : null,
  );
}

function whole(number) {
  return number === null ? UNKNOWN : WHOLE.format(number);
}

function rate(values) {
  return values.length === 0 ? UNKNOWN : ONE_DIGIT.format(values.at(-1));
}

function total(one, other) {
  return one === null && other === null ? null : (one ?? 0) + (other ?? 0);
}

function bytes(count) {
  if (count === null) return UNKNOWN;
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), UNITS.length - 1);
  return `${ONE_DIGIT.format(count / 1_000 ** power)} ${UNITS[power]}`;
}
