/**
 * One row of a log as nodes: a message, a day, the "New" line, a note.
 */
import { avatar, element, lettersOf } from "./element.js";
import { hueOf } from "./ids.js";
import { clockTime, fullTime } from "./moments.js";
import { piecesOf } from "./prose.js";

const LONG_TEXT = 3_000; // UTF-16 units; a wall of text is folded until somebody wants it
const MANY_LINES = 30;

/** The list item of a row, still empty. Own rows are not read out: their writer knows them. */
export function shellOf(row) {
  const item = element("li", { tabindex: row.kind === "line" ? "-1" : undefined });
  if (row.mine) item.setAttribute("aria-live", "off");
  return item;
}

/** Fills a row's item. `acts` is `{retry(clientId), discard(clientId)}`. */
export function fillLine(item, row, acts) {
  item.className = classOf(row);
  if (row.kind === "line") item.replaceChildren(...lineOf(row, acts));
  else item.replaceChildren(element("span", { dir: "auto", title: row.title }, row.text));
}

function classOf(row) {
  if (row.kind !== "line") return row.kind;
  const state = row.state === "stored" ? "" : row.state;
  return ["line", row.first && "first", row.mine && "mine", state].filter(Boolean).join(" ");
}

function lineOf(row, acts) {
  const by = element(
    "p",
    { class: row.first ? "by" : "by unseen" },
    element("strong", {}, row.mine ? "You" : row.name),
    " ",
    element("time", { datetime: row.at, title: fullTime(row.at) }, clockTime(row.at)),
  );
  const body = element("div", {}, by, textOf(row));
  const state = stateOf(row);
  if (state) {
    if (row.first) by.lastChild.replaceWith(state);
    else body.append(state);
  }
  if (row.state === "failed") body.append(...failureOf(row, acts));
  if (!row.first) body.title = fullTime(row.at);
  return row.first ? [avatar(hueOf(row.by), lettersOf(row.name)), body] : [body];
}

function stateOf({ state, waits }) {
  if (state === "pending") {
    return element("span", { class: "state" }, waits ? "waits for the connection" : "sending");
  }
  if (state === "failed") return element("span", { class: "state" }, "not sent");
  return null;
}

function failureOf({ reason, clientId }, acts) {
  return [
    element("p", { class: "reason" }, reason),
    element(
      "p",
      { class: "acts" },
      element("button", { type: "button", onclick: () => acts.retry(clientId) }, "Try again"),
      element(
        "button",
        { type: "button", class: "quiet", onclick: () => acts.discard(clientId) },
        "Delete",
      ),
    ),
  ];
}

function textOf({ text }) {
  const node = element("p", { class: "text", dir: "auto" }, ...piecesOf(text).map(pieceOf));
  if (text.length <= LONG_TEXT && text.split("\n", MANY_LINES).length < MANY_LINES) return node;
  node.classList.add("folded");
  const more = element("button", {
    type: "button",
    class: "link",
    onclick: () => {
      node.classList.remove("folded");
      more.remove();
    },
  }, "Show all of it");
  return element("div", {}, node, more);
}

function pieceOf({ kind, text }) {
  if (kind === "code") return element("code", {}, text);
  if (kind === "link") {
    return element("a", { href: text, target: "_blank", rel: "noopener noreferrer" }, text);
  }
  return text;
}
