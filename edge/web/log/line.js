/**
 * One row of a log as nodes: a message, a day, the "New" line, a note.
 */
import { attachmentsOf, unsentFiles } from "../files/attachments.js";
import { avatar, element, lettersOf } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { hueOf } from "../text/hues.js";
import { fullTime } from "../text/days.js";
import { clockTime } from "../text/moments.js";
import { linkCardsOf } from "./link-cards.js";
import { isUnfolded, proseOf } from "./prose-view.js";
import { DELETED, listed } from "../text/words.js";

/** The empty list item of a row. */
export function shellOf(row) {
  return element("li", { tabindex: row.kind === "line" ? "-1" : undefined });
}

/**
 * Fills a row's item. A row is announced when it comes, but not when it changes, nor to its author.
 * `acts` as in `Log`.
 */
export function fillLine(item, row, acts) {
  if (row.mine || item.hasChildNodes()) item.setAttribute("aria-live", "off");
  item.className = classOf(row);
  if (row.kind === "line") {
    const focused = item.contains(document.activeElement) ? document.activeElement : null;
    const kept = { files: filesOf(item, row, acts), isWhole: isUnfolded(item) };
    item.replaceChildren(...lineOf(row, acts, kept));
    if (focused) refocus(item, focused);
  } else if (row.kind === "day") item.replaceChildren(element("span", {}, row.text));
  else item.replaceChildren(element("span", { title: row.title }, row.text));
}

/** Restores the focus to the replacement of the focused button, or to the line. */
function refocus(item, focused) {
  const isAs = (node) => node.className === focused.className
    && node.firstChild?.textContent === focused.firstChild?.textContent;
  const again = focused.isConnected ? focused : focused.closest(".said")
    && [...item.querySelectorAll(".said button")].find(isAs);
  (again ?? item).focus({ preventScroll: true });
}

function classOf(row) {
  if (row.kind !== "line") return row.kind;
  return [
    "line",
    row.first && "first",
    row.mine && "mine",
    row.state !== "stored" && row.state,
    row.isSlow && "slow",
    row.isGone && "gone",
    row.mentioned.some((one) => one.isMe) && "for-me",
    row.isFound && "found",
  ].filter(Boolean).join(" ");
}

/** Keeps existing picture nodes when other parts of the line change. */
function filesOf(item, { seq, attachments }, acts) {
  if (!attachments?.length) return null;
  if (seq === undefined) return unsentFiles(attachments);
  return item.querySelector(".files.stored") ?? attachmentsOf(attachments, {
    link: (file) => acts.link(file), view: (file) => acts.view(seq, file),
  });
}

function lineOf(row, acts, { files, isWhole }) {
  const words = stateInWords(row);
  const by = element(
    "p",
    { class: row.first ? "by" : "by unseen" },
    row.mine ? element("strong", { class: "cut" }, "You") : authorOf(row, acts),
    " ",
    element("time", { datetime: row.at, title: fullTime(row.at) }, clockTime(row.at)),
    words && " ",
    words && element("span", { class: "state" }, words),
  );
  const said = element(
    "div", { class: "said" }, by, quoteOf(row, acts), textOf(row, acts, isWhole), files,
    linkCardsOf(row.previews),
  );
  if (row.state === "failed") said.append(...failureOf(row, acts));
  if (row.reactions.length > 0) said.append(reactionsOf(row, acts));
  const left = row.first
    ? avatar(hueOf(row.by), lettersOf(row.name), { person: true, picture: row.picture })
    : gutterOf(row, words);
  return [left, said];
}

/** Opens the person's menu; with the keyboard, the message's menu does. */
function authorOf({ by, name }, acts) {
  const author = element(
    "button",
    { class: "author cut", type: "button", tabindex: "-1", onclick: () => acts.person(by, author) },
    element("strong", { dir: "auto" }, name),
  );
  return author;
}

function textOf({ text, isGone, mentioned, editedAt, attachments }, acts, isWhole) {
  if (text === "" && !editedAt && attachments?.length) return null;
  if (isGone) return element("div", { class: "text" }, element("p", {}, DELETED));
  const edited = editedAt && element(
    "span",
    { class: "edited", title: `Edited ${fullTime(editedAt)}` },
    "(edited)",
    element("span", { class: "unseen" }, ` at ${clockTime(editedAt)}`),
  );
  const mention = (name) => {
    const one = mentioned.find((other) => other.username.toLowerCase() === name.toLowerCase());
    return one ? mentionOf(one, acts) : null;
  };
  return proseOf(text, { mention, chatAt: acts.chatAt, after: edited, isWhole });
}

/** Opens the person's menu, like an author; not a button, whose text could not be selected. */
function mentionOf({ id, name, isMe }, acts) {
  const dir = "auto"; // so the name does not affect the direction of the text around it
  if (isMe) return element("span", { class: "at me", dir }, `@${name}`);
  const node = element("span", {
    class: "at", dir, role: "button", tabindex: "-1", onclick: () => acts.person(id, node),
  }, `@${name}`);
  return node;
}

/** The quoted message that this one replies to, as a link. */
function quoteOf({ quoted }, acts) {
  if (!quoted) return null;
  if (quoted.text === null) {
    return element("span", { class: "quoted" }, element("span", { class: "cut" }, quoted.words));
  }
  const node = element(
    "button",
    { class: "quoted", type: "button", onclick: () => acts.jump(quoted.seq) },
    element("span", { class: "unseen" }, "In reply to "),
    element("b", { class: "cut", dir: "auto" }, quoted.name),
    element("span", { class: "cut", dir: "auto" }, quoted.text),
  );
  node.style.setProperty("--hue", hueOf(quoted.by));
  return node;
}

function reactionsOf(row, acts) {
  const buttons = row.reactions.map(({ emoji, count, isMine, names }) => element(
    "button",
    {
      class: "reaction", type: "button", "aria-pressed": String(isMine ?? false),
      title: listed(names, count), "aria-label": `${emoji} ${count}: ${listed(names, count)}`,
      onclick: () => acts.react(row, emoji, isMine === null ? null : !isMine),
    },
    element("span", {}, emoji),
    String(count),
  ));
  const add = element(
    "button",
    {
      class: "reaction add", type: "button", "aria-label": "Add a reaction",
      onclick: () => acts.pick(row, add),
    },
    icon("react", { small: true }),
  );
  return element("div", { class: "reactions" }, ...buttons, add);
}

/** What replaces the avatar in later lines of a group: the time, or that it is being sent. */
function gutterOf(row, words) {
  const time = { class: words ? "gutter shown" : "gutter", "aria-hidden": "true" };
  if (words) return element("span", { ...time, title: words }, icon("clock", { small: true }));
  return element("time", { ...time, title: fullTime(row.at) }, clockTime(row.at));
}

function stateInWords({ state, isSlow, waits }) {
  if (state !== "pending" || !isSlow) return null;
  return waits ? "waits for the connection" : "sending";
}

function failureOf({ reason, clientId, seq, lostQuote, isFinal }, acts) {
  const retry = { class: "small", type: "button", onclick: () => acts.retry(clientId) };
  const discard = {
    class: "small quiet danger", type: "button", onclick: () => acts.discard(clientId),
  };
  const what = seq === undefined ? "Not sent" : "Not changed";
  return [
    element("p", { class: "reason", role: "alert" },
      icon("alert", { small: true }), `${what}: ${reason}`),
    element(
      "div",
      { class: "acts" },
      isFinal ? null : element("button", retry, lostQuote ? "Send without the quote" : "Try again"),
      element("button", discard, seq === undefined ? "Delete" : "Discard the change"),
    ),
  ];
}
