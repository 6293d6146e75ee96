import { Completion } from "/web/composer/completion.js";
import { rule, same } from "./checks.js";

/** A field to type into, and answers that arrive on demand. */
function parts() {
  const field = document.createElement("textarea");
  const answers = [];
  const find = () => new Promise((resolve) => {
    answers.push((name, fits) => resolve([{ text: `@${name}`, nodes: [name], fits }]));
  });
  const completion = new Completion({ field, find });
  const key = () => field.dispatchEvent(new Event("keyup"));
  const type = (text, rest = "") => {
    field.value = text + rest;
    field.setSelectionRange(text.length, text.length);
    const shown = completion.update();
    key();
    return shown;
  };
  return { field, answers, completion, key, type };
}

rule("suggestions that the server gives after the key was released are shown", async () => {
  const { answers, completion, type } = parts();
  const first = type("@");
  answers[0]("ann");
  await first;
  const second = type("@b");
  same([completion.isOpen, completion.node.textContent], [true, "ann"]);
  answers[1]("ben");
  await second;
  same([completion.isOpen, completion.node.textContent], [true, "ben"]);
});

rule("none are shown where the caret has left the word meanwhile", async () => {
  const { field, answers, completion, key, type } = parts();
  const shown = type("see @b");
  field.setSelectionRange(0, 0);
  key();
  answers[0]("ben");
  await shown;
  same(completion.isOpen, false);
});

rule("a caret that is moved out of the word closes them, and leaves the text", async () => {
  const { field, answers, completion, key, type } = parts();
  const shown = type("see @b");
  answers[0]("ben");
  await shown;
  field.setSelectionRange(2, 2);
  key();
  same([completion.isOpen, completion.key(new KeyboardEvent("keydown", { key: "Enter" }))], [false, false]);
  same(field.value, "see @b");
});

rule("what is chosen stands for the whole word, also for what was typed since it was found", async () => {
  const { field, answers, completion, type } = parts();
  const shown = type("see @b");
  answers[0]("ben");
  await shown;
  type("see @be");
  same(completion.key(new KeyboardEvent("keydown", { key: "Enter" })), true);
  same([field.value, completion.isOpen], ["see @ben ", false]);
});

rule("a word with the caret in its middle is replaced as a whole, with the space after it", async () => {
  const { field, answers, completion, type } = parts();
  const shown = type("see @an", "nna there");
  answers[0]("ann");
  await shown;
  completion.key(new KeyboardEvent("keydown", { key: "Enter" }));
  same([field.value, field.selectionEnd], ["see @ann there", 9]);
});

rule("a word before which the mark was typed stays, and so does a stop", async () => {
  const places = [
    ["please look", "@ann please look"], [". Look", "@ann . Look"], [" there", "@ann there"],
  ];
  for (const [rest, done] of places) {
    const { field, answers, completion, type } = parts();
    const first = type("@", rest);
    answers[0]("ann");
    await first;
    const shown = type("@a", rest);
    answers[1]("ann");
    await shown;
    completion.key(new KeyboardEvent("keydown", { key: "Enter" }));
    same(field.value, done);
  }
});

rule("somebody whose name does not fit any more is not chosen while others are asked for", async () => {
  const { field, answers, completion, type } = parts();
  const shown = type("see @an");
  answers[0]("anna", (word) => "anna".startsWith(word));
  await shown;
  type("see @ann");
  same(completion.isOpen, true);
  type("see @anne");
  same([completion.isOpen, completion.key(new KeyboardEvent("keydown", { key: "Enter" }))], [false, false]);
  same(field.value, "see @anne");
});

rule("Escape closes them, and an answer that comes then opens them no more", async () => {
  const { answers, completion, type } = parts();
  const first = type("@");
  answers[0]("ann");
  await first;
  const second = type("@b");
  completion.key(new KeyboardEvent("keydown", { key: "Escape" }));
  answers[1]("ben");
  await second;
  same(completion.isOpen, false);
});
