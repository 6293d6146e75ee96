/**
 * The header of the open chat: the back button, its name and topic, its people.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { hueOf } from "../text/hues.js";
import { peopleInWords } from "../text/people-words.js";
import { apart, otherOf } from "../text/words.js";

const FACES = 3;
const PRESENCE = { online: "Here now", away: "Away" };

export class Bar {
  #me;
  #names;
  #presence;
  #face = element("span", {});
  #title;
  #about = element("p", { class: "cut", dir: "auto" });
  #people;
  #waiting = element("span", { class: "badge" });
  #back = element(
    "a", { class: "bare button back", href: "#" }, icon("back"), this.#waiting,
  );
  #drawn = "";

  /** `onAbout()` opens the chat's details, `onMenu(anchor)` its menu. */
  constructor({ me, names, presence, onAbout, onMenu }) {
    this.#me = me;
    this.#names = names;
    this.#presence = presence;
    this.#title = element(
      "button", { class: "title-button cut", type: "button", onclick: onAbout },
    );
    this.#people = element("button", {
      class: "quiet people-button", type: "button", title: "About this chat", onclick: onAbout,
    });
    const more = element(
      "button",
      {
        class: "bare", type: "button", title: "More", "aria-label": "More about this chat",
        "aria-haspopup": "menu", onclick: () => onMenu(more),
      },
      icon("more"),
    );
    this.node = element(
      "header",
      { class: "bar" },
      this.#back,
      this.#face,
      element(
        "div",
        { class: "two" },
        element("h1", { class: "cut", dir: "auto" }, this.#title),
        this.#about,
      ),
      element("div", { class: "acts" }, this.#people, more),
    );
  }

  focus() {
    this.#title.focus();
  }

  /** `waiting` is the number of messages that need attention in the other chats. */
  render({ id, detail }, title, waiting) {
    this.#tellWaiting(waiting);
    const nameOf = (user) => this.#names.of(user);
    const other = otherOf(detail, this.#me.id);
    const state = other === null ? "" : this.#presence.of(other);
    const about = other === null
      ? detail.topic ?? membersInWords(detail, this.#me.id, nameOf)
      : [PRESENCE[state], this.#names.statusOf(other)].filter(Boolean).join(" · ");
    const pictureOf = (user) => this.#names.pictureOf(user);
    const picture = pictureOf(other);
    const faces = detail.participants.slice(0, FACES)
      .map((user) => [user, nameOf(user), pictureOf(user)]);
    const count = peopleInWords(detail.participantCount);
    const drawn = JSON.stringify([id, title, about, faces, count, other, state, picture]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#title.textContent = title;
    this.#about.textContent = about;
    this.#about.dir = detail.topic || other !== null ? "auto" : "ltr"; // a list of names is a sentence
    this.#about.title = about;
    this.#face.replaceChildren(
      avatar(
        hueOf(other ?? id), lettersOf(title), { person: other !== null, size: "s32", state, picture },
      ),
    );
    this.#people.hidden = other !== null; // there are only two, both known
    this.#people.replaceChildren(
      element("span", { class: "faces", "aria-hidden": "true" }, ...faces.map(([user, name, face]) => (
        avatar(hueOf(user), lettersOf(name).slice(0, 1), { person: true, size: "s24", picture: face })
      ))),
      count,
    );
  }

  /** If the open chat covers the list, the back button shows that others need attention. */
  #tellWaiting(waiting) {
    const words = waiting > 99 ? "99+" : String(waiting);
    if (this.#waiting.textContent === words) return;
    this.#waiting.textContent = words;
    this.#waiting.hidden = waiting === 0;
    this.#back.setAttribute("aria-label", waiting > 0 ? `All chats, ${words} unread` : "All chats");
  }
}

/** "bob, cleo and you", the reader last; at most four names. */
export function membersInWords({ participants, participantCount }, me, nameOf) {
  const others = participants.filter((id) => id !== me);
  if (others.length === 0) return "Only you so far";
  const shown = others.slice(0, 4).map(nameOf).map(apart);
  const rest = participantCount - 1 - shown.length;
  if (rest > 0) return `${shown.join(", ")}, ${rest} more and you`;
  return `${shown.join(", ")} and you`;
}
