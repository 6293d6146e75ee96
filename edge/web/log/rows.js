/**
 * The rows that a log shows: day lines, one "New" line, messages grouped by author, notes, and the
 * unsent at the end. Pure: no DOM, no clock.
 */
import { expected } from "../client/expected.js";
import { isBlank } from "../client/fold.js";
import { isNews } from "../client/timeline.js";

const GROUP_MS = 5 * 60_000;

/**
 * `items` are complete from the seq `from` on; `unsent` and `changing` have no event yet. The "New"
 * line is after the seq `newAfter` (null: none). `dayOf(at)` returns the reader's local day as
 * `YYYY-MM-DD`. Keys stay the same from written to stored.
 */
export function rowsOf({ items, from }, { unsent, changing }, { me, newAfter, dayOf }) {
  const rows = [];
  let day = "";
  let group = null; // the row that opened the group: same author, within five minutes
  let called = null; // the newest event so far with the chat's name and topic
  const begin = (at) => {
    if (dayOf(at) <= day) return; // server clocks differ slightly, days never go back
    day = dayOf(at);
    rows.push({ key: `day ${day}`, kind: "day", day });
    group = null;
  };
  const line = (row) => {
    row.first = group === null || group.by !== row.by || row.replyTo !== undefined
      || Date.parse(row.at) - group.time > GROUP_MS;
    if (row.first) group = { by: row.by, time: Date.parse(row.at) };
    rows.push(row);
  };
  // A line above the first loaded item would make a claim about unloaded ones.
  let marked = newAfter === null || from > newAfter + 1;
  for (const item of items) {
    begin(item.at);
    if (!marked && item.seq > newAfter && isNews(item, me)) {
      rows.push({ key: "new", kind: "new" });
      group = null;
      marked = true;
    }
    if (item.type === "message") line(storedLine(item, changing, me));
    else {
      const { at, seq } = item;
      rows.push({ key: `seq ${seq}`, kind: "note", event: item, before: called, at, seq });
      if (item.chatName !== undefined) called = item;
      group = null;
    }
  }
  for (const item of unsent) {
    const { clientId, text, at, state, reason, replyTo, lostQuote, mentions, attachments } = item;
    begin(at);
    line({
      key: ownKey(clientId), kind: "line", by: me, mine: true, clientId, text, at, state, reason,
      replyTo, lostQuote, mentions, attachments,
    });
  }
  return rows;
}

function storedLine(item, changing, me) {
  const mine = item.by === me;
  const edit = changing.findLast((one) => one.of === item.seq && one.kind === "edit");
  const { message, mentions, replyTo, editedAt, reactions, attachments, previews } = expected(
    item, changing, me,
  );
  return {
    // Somebody else may have used the same clientId: only the user's own identifies a row.
    key: mine && item.clientId ? ownKey(item.clientId) : `seq ${item.seq}`,
    kind: "line",
    by: item.by,
    mine,
    at: item.at,
    seq: item.seq,
    messageId: item.messageId,
    text: message,
    mentions,
    replyTo,
    attachments,
    previews,
    editedAt,
    reactions,
    isGone: isBlank({ message, attachments }),
    state: edit && edit.state !== "sent" ? edit.state : "stored",
    changedAt: edit?.at,
    clientId: edit?.clientId,
    reason: edit?.reason,
    isFinal: edit?.isFinal,
  };
}

function ownKey(clientId) {
  return `own ${clientId}`;
}
