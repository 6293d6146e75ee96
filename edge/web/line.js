/**
 * One row of a log as nodes: a message, a day, the "New" line, a note.
 */
import { avatar, element, lettersOf } from "./element.js";
import { icon } from "./icons.js";
import { hueOf } from "./ids.js";
import { clockTime, fullTime } from "./moments.js";
import { proseOf } from "./prose-view.js";

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
  else if (row.kind === "day") item.replaceChildren(element("span", {}, row.text));
  else item.replaceChildren(element("span", { dir: "auto", title: row.title }, row.text));
}

function classOf(row) {
  if (row.kind !== "line") return row.kind;
  return [
    "line",
    row.first && "first",
    row.mine && "mine",
    row.state !== "stored" && row.state,
    row.isSlow && "slow",
    row.isFound && "found",
  ].filter(Boolean).join(" ");
}

function lineOf(row, acts) {
  const words = stateInWords(row);
  const by = element(
    "p",
    { class: row.first ? "by" : "by unseen" },
    element("strong", { class: "cut" }, row.mine ? "You" : row.name),
    " ",
    element("time", { datetime: row.at, title: fullTime(row.at) }, clockTime(row.at)),
    words && " ",
    words && element("span", { class: "state" }, words),
  );
  const said = element("div", { class: "said" }, by, proseOf(row.text));
  if (row.state === "failed") said.append(...failureOf(row, acts));
  const left = row.first
    ? avatar(hueOf(row.by), lettersOf(row.name), { person: true })
    : gutterOf(row, words);
  return [left, said];
}

/** What stands where a first line has its face: the hour, or that the line is still on its way. */
function gutterOf(row, words) {
  const time = { class: words ? "gutter shown" : "gutter", "aria-hidden": "true" };
  if (words) return element("span", { ...time, title: words }, icon("clock", { small: true }));
  return element("time", { ...time, title: fullTime(row.at) }, clockTime(row.at));
}

function stateInWords({ state, isSlow, waits }) {
  if (state !== "pending" || !isSlow) return null;
  return waits ? "waits for the connection" : "sending";
}

function failureOf({ reason, clientId }, acts) {
  const retry = { class: "small", type: "button", onclick: () => acts.retry(clientId) };
  const discard = {
    class: "small quiet danger", type: "button", onclick: () => acts.discard(clientId),
  };
  return [
    element("p", { class: "reason" }, icon("alert", { small: true }), `Not sent: ${reason}`),
    element(
      "div",
      { class: "acts" },
      element("button", retry, "Try again"),
      element("button", discard, "Delete"),
    ),
  ];
}
