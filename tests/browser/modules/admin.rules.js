import { doneInWords } from "/web/admin/audit-words.js";
import { Flow } from "/web/admin/flow.js";
import { Names } from "/web/admin/names.js";
import { Pages } from "/web/admin/pages.js";
import { NoAnswer } from "/web/client/errors.js";
import { forgetLink, isLink, keptLink, takeLink } from "/web/entry/link.js";
import { rule, same, settle } from "./checks.js";

/** Pages of a server that answers on demand. */
function make() {
  const asked = [];
  const pages = new Pages({
    ask: (before) => new Promise((resolve, reject) => {
      asked.push({ before, resolve, reject });
    }),
    onChange() {},
  });
  const answer = async (n, ids, next = null) => {
    asked[n].resolve({ rows: ids.map((id) => ({ id })), next });
    await settle();
  };
  return { asked, pages, answer, ids: () => pages.rows.map(({ id }) => id) };
}

rule("pages follow each other until there are no more", async () => {
  const { asked, pages, answer, ids } = make();
  pages.begin();
  await answer(0, ["a", "b"], "b");
  same([ids(), pages.hasMore], [["a", "b"], true]);
  pages.more();
  await answer(1, ["c"]);
  same([ids(), pages.hasMore, asked.map(({ before }) => before)], [["a", "b", "c"], false, [null, "b"]]);
});

rule("the answer to an earlier beginning is dropped", async () => {
  const { pages, answer, ids } = make();
  pages.begin();
  pages.begin();
  await answer(1, ["new"]);
  await answer(0, ["old"], "old");
  same([ids(), pages.hasMore, pages.isWaiting], [["new"], false, false]);
});

rule("a page that did not come says why, and is asked for again", async () => {
  const { asked, pages, answer, ids } = make();
  pages.begin();
  await answer(0, ["a"], "a");
  pages.more();
  asked[1].reject(new NoAnswer("gone"));
  await settle();
  same([ids(), pages.error.code, pages.isWaiting], [["a"], "unavailable", false]);
  pages.more();
  await answer(2, ["b"]);
  same([ids(), pages.error], [["a", "b"], null]);
});

rule("a row is replaced and removed by its id", async () => {
  const { pages, answer } = make();
  pages.begin();
  await answer(0, ["a", "b"]);
  pages.replace({ id: "b", active: false });
  pages.remove("a");
  same(pages.rows, [{ id: "b", active: false }]);
});

rule("what flows is the difference of two figures, a minute", () => {
  const flow = new Flow();
  flow.add(0, { stored: 10 });
  same(flow.of("stored"), []);
  flow.add(30_000, { stored: 25 });
  same(flow.of("stored"), [30]);
});

rule("a figure that is unknown or has shrunk says nothing", () => {
  const flow = new Flow();
  flow.add(0, { stored: 10 });
  flow.add(60_000, { stored: null });
  flow.add(120_000, { stored: 20 });
  flow.add(180_000, { stored: 5 });
  same(flow.of("stored"), []);
  flow.add(240_000, { stored: 7 });
  same(flow.of("stored"), [2]);
});

rule("only the three links are links", () => {
  same(["#owner=x", "#invite=", "#reset=x/y", "#other=x", "#0190", ""].map(isLink),
    [true, true, true, false, false, false]);
});

rule("a link leaves the address when it is taken", () => {
  const address = location.href;
  history.replaceState(null, "", "#invite=abc");
  same([takeLink(), location.hash, takeLink()], [{ kind: "invite", code: "abc" }, "", null]);
  history.replaceState(null, "", address);
});

rule("a link that was taken is kept for a reload until it has done its work", () => {
  const address = location.href;
  history.replaceState(null, "", "#reset=abc");
  const link = takeLink();
  const kept = keptLink();
  forgetLink();
  same([kept, keptLink()], [link, null]);
  history.replaceState(null, "", address);
});

rule("an action that is not known yet is told by its name", () => {
  const entry = { action: "chat.opened", by: "a", of: null, detail: {} };
  same(doneInWords(entry, () => "ann"), "did something that this page does not know: chat.opened");
});

rule("what one did to oneself is told to oneself", () => {
  const entry = { action: "user.updated", by: "a", of: "a", detail: { role: "admin" } };
  const told = (me) => doneInWords(entry, (id) => (id === me ? "you" : "ann"));
  same([told("a"), told("b")], ["made yourself an admin", "made themself an admin"]);
});

rule("names that did not come are asked for again", async () => {
  const asked = [];
  let isGone = true;
  const peopleOf = async (ids) => {
    asked.push(ids);
    if (isGone) throw new NoAnswer("gone");
    return [{ id: "a", username: "ann", displayName: null }];
  };
  const names = new Names({ calls: { peopleOf }, me: { id: "me", username: "me" } });
  await names.learn(["a", "b"]).catch((error) => same(error.code, "unavailable"));
  isGone = false;
  for (const ids of [["a", "b"], ["b"]]) await names.learn(ids);
  same([names.plain("a"), names.plain("b"), asked.length], ["ann", "somebody", 2]);
});
