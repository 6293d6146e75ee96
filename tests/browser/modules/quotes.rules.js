import { NoAnswer, NotFound } from "/web/client/errors.js";
import { Quotes } from "/web/state/quotes.js";
import { StandingClock, rule, same, settle } from "./checks.js";

const chat = { id: "c", timeline: { messageOf: () => undefined } };

/** Quotes of a log that is redrawn whenever they change, and pending answers. */
function quoting() {
  const clock = new StandingClock();
  const answers = [];
  const parts = { clock, answers };
  const quotes = new Quotes({
    clock,
    names: { of: (id) => id },
    api: { message: () => new Promise((give, refuse) => answers.push({ give, refuse })) },
    onChange: () => parts.draw(),
  });
  parts.draw = () => (parts.shown = quotes.of(chat, "m"));
  parts.hear = (event) => {
    quotes.heard(event);
    parts.draw();
  };
  parts.draw();
  return parts;
}

function message(text) {
  return { type: "message", seq: 1, by: "bob", messageId: "m", message: text };
}

rule("a message is asked for once, however often it is drawn", async () => {
  const parts = quoting();
  parts.draw();
  parts.answers[0].give(message("hello"));
  await settle();
  parts.draw();
  same([parts.answers.length, parts.shown.text], [1, "hello"]);
});

rule("what is loaded is taken from there", () => {
  const quotes = new Quotes({ names: { of: (id) => id } });
  const timeline = { messageOf: () => message("here") };
  same(quotes.of({ id: "c", timeline }, "m").text, "here");
});

rule("one that is gone is not asked for again", async () => {
  const parts = quoting();
  parts.answers[0].refuse(new NotFound(404, "not_found"));
  await settle();
  parts.draw();
  same([parts.answers.length, parts.shown.words], [1, "Deleted message"]);
});

rule("what was not answered is asked again after a while, and not by every drawing", async () => {
  const parts = quoting();
  parts.answers[0].refuse(new NoAnswer("no"));
  await settle();
  parts.draw();
  same(parts.answers.length, 1);
  await parts.clock.pass(2_000);
  parts.draw();
  parts.answers[1].give(message("hello"));
  await settle();
  same([parts.answers.length, parts.shown.text], [2, "hello"]);
});

rule("an answer from before a change shows nothing, in whatever order answers come", async () => {
  const parts = quoting();
  parts.hear({ type: "message.edited", messageId: "m", of: 1 });
  parts.answers[1].give(message("new"));
  await settle();
  parts.answers[0].give(message("old"));
  await settle();
  parts.draw();
  same([parts.answers.length, parts.shown.text], [2, "new"]);
});
