/**
 * Invitation links: created, copied and revoked.
 */
import { arrange, element } from "../parts/element.js";
import { Field, allGood } from "../parts/field.js";
import { fullTime } from "../text/days.js";
import { isolated } from "../text/words.js";
import { disabledWhile } from "../parts/submitting.js";
import { openAsk } from "./ask.js";
import { copyLink, linkBox } from "./link-box.js";
import { ROLES } from "./person.js";
import { refused } from "./refusals.js";
import { Select } from "./select.js";
import { dueTime } from "./times.js";

export class Invitations {
  #me;
  #calls;
  #layers;
  #toast;
  #clock;
  #uses;
  #days;
  #role;
  #chat;
  #chats = new Map(); // names by id
  #invites = [];
  #error = element("p", { class: "error", role: "alert" });
  #made = element("div", { class: "made", hidden: true });
  #body = element("tbody");
  #rows = new Map();
  #said = element("p", { class: "sum", role: "status" });

  constructor({ me, calls, layers, toast, clock }) {
    this.#me = me;
    this.#calls = calls;
    this.#layers = layers;
    this.#toast = toast;
    this.#clock = clock;
    this.#uses = numberField({ label: "For how many", value: 1, max: 1000 });
    this.#days = numberField({ label: "For how many days", value: 7, max: 365 });
    this.#role = new Select({
      label: "They become",
      options: (me.role === "owner" ? ["member", "admin"] : ["member"])
        .map((role) => ({ value: role, label: ROLES[role].label })),
    });
    this.#chat = new Select({ label: "Adds them to", options: [{ value: "", label: "No chat" }] });
    const heads = ["For", "Role", "Used", "Works until"].map((words) => element("th", {}, words));
    this.node = element(
      "div",
      {},
      element("div", { class: "page-head" }, element("h1", {}, "Invitations")),
      element(
        "form",
        {
          class: "invite-line",
          novalidate: true,
          onsubmit: (event) => {
            event.preventDefault();
            this.#make(event.submitter);
          },
        },
        this.#uses.node, this.#days.node, this.#role.node, this.#chat.node,
        element("button", { class: "strong" }, "Make a link"),
      ),
      this.#error,
      this.#made,
      element("div", { class: "table-box" }, element(
        "table",
        { class: "stacked" },
        element("thead", {}, element("tr", {}, ...heads,
          element("th", {}, element("span", { class: "unseen" }, "Actions")))),
        this.#body,
      )),
      this.#said,
    );
  }

  open() {
    this.#load();
  }

  async #load() {
    await this.#try(async () => {
      const [invites, chats] = await Promise.all([this.#calls.invitations(), this.#calls.chats()]);
      this.#invites = invites;
      this.#chats = new Map(chats.map(({ id, chatName }) => [id, chatName]));
      const own = chats.filter(({ owner }) => owner === this.#me.id);
      this.#chat.options = [
        { value: "", label: "No chat" },
        ...own.map(({ id, chatName }) => ({ value: id, label: chatName })),
      ];
      this.#render();
    });
  }

  async #make(button) {
    if (!allGood([[this.#uses, this.#uses.rules], [this.#days, this.#days.rules]])) return;
    await this.#try(() => disabledWhile(button, async () => {
      const invite = await this.#calls.invite({
        uses: Number(this.#uses.value), days: Number(this.#days.value), role: this.#role.value,
        chat: this.#chat.value || undefined,
      });
      this.#invites = [invite, ...this.#invites];
      this.#made.replaceChildren(
        element("p", { class: "label" }, "Link created. Send it to the people you invite."),
        linkBox({ url: invite.url, label: "Link of the invitation" }),
      );
      this.#made.hidden = false;
      this.#made.querySelector("button").focus();
      this.#render();
    }));
  }

  #revoke(invite) {
    openAsk({
      title: "Revoke this invitation?",
      yes: "Revoke",
      isDanger: true,
      layers: this.#layers,
      toast: this.#toast,
      act: async (sheet) => {
        try {
          await this.#calls.revoke(invite.code);
        } catch (error) {
          if (error.code !== "not_found") throw error; // it no longer works, as wanted
        }
        sheet.close(); // returns the focus to the row, which passes it on when it goes
        this.#invites = this.#invites.filter(({ code }) => code !== invite.code);
        this.#made.hidden = true;
        this.#render();
        this.#toast.show("The invitation is revoked.");
      },
    }, element("p", {}, "Its link stops working at once. Users who joined with it stay."));
  }

  /** Shows why an action failed. */
  async #try(act) {
    this.#error.textContent = "";
    try {
      await act();
    } catch (error) {
      if (error.code === undefined) throw error;
      this.#error.textContent = refused(error);
    }
  }

  #render() {
    const nowMs = this.#clock.now();
    const rows = this.#invites.map((invite) => ({
      key: invite.code, invite, words: this.#goalOf(invite), until: dueTime(invite.expiresAt, nowMs),
    }));
    arrange(this.#body, rows, this.#rows, {
      shell: () => element("tr", { class: "invite" }),
      fill: (node, row) => node.replaceChildren(...this.#cellsOf(row)),
    });
    const count = this.#invites.length;
    this.#said.textContent = count === 0 ? "No invitation works at the moment." : "";
  }

  #cellsOf({ invite, words, until }) {
    return [
      element("td", { class: "wide name" }, words),
      element("td", {}, ROLES[invite.role].label),
      element("td", {}, `${invite.uses - invite.left} of ${invite.uses}`),
      element("td", {}, element("time", {
        datetime: invite.expiresAt, title: fullTime(invite.expiresAt),
      }, until)),
      element(
        "td",
        { class: "end" },
        element("button", {
          type: "button", class: "small quiet", "aria-label": `Copy the link: ${words}`,
          onclick: () => copyLink(invite.url, (said) => this.#toast.show(said)),
        }, "Copy"),
        element("button", {
          type: "button", class: "small quiet danger", "aria-label": `Revoke: ${words}`,
          onclick: () => this.#revoke(invite),
        }, "Revoke"),
      ),
    ];
  }

  #goalOf({ chat }) {
    if (chat === undefined) return "New accounts";
    const name = this.#chats.get(chat);
    return name ? isolated(name) : "A chat that you are not in";
  }
}

function numberField({ label, value, max }) {
  const field = new Field({
    label, type: "number", inputmode: "numeric", min: 1, max, step: 1, value,
  });
  const isGood = (text) => /^\d+$/u.test(text) && Number(text) >= 1 && Number(text) <= max;
  field.rules = [[(text) => !isGood(text), `1 to ${max}`]];
  return field;
}
