import { commandIn, commandsFor } from "/web/composer/commands.js";
import { rule, same } from "./checks.js";

/** The result of sending a text, and the actions it caused. */
function sent(text, { isGroup = true, isOwner = isGroup } = {}) {
  const done = [];
  const does = {
    archive: () => done.push("archive"), leave: () => done.push("leave"),
    mute: (isMuted) => done.push(isMuted ? "mute" : "unmute"),
    setTopic: (topic) => done.push(`topic ${topic}`),
  };
  const command = commandIn(text, { isOwner, isGroup, does });
  command?.act?.();
  return { command, done };
}

rule("what does not begin with a slash and a word is sent as it is", () => {
  for (const text of ["hello", "a /leave", "/", "//leave", "/etc/hosts is wrong", "/1", "1/2"]) {
    same([text, sent(text).command], [text, null]);
  }
});

rule("a shrug is said, after the message or alone", () => {
  same(sent("/shrug").command, { text: "¯\\_(ツ)_/¯" });
  same(sent("/shrug who knows").command, { text: "who knows ¯\\_(ツ)_/¯" });
});

rule("a topic is set as it stands, over several lines and with what looks like a command", () => {
  same(sent("/topic Lunch at noon").done, ["topic Lunch at noon"]);
  same(sent("/topic one\n/two").done, ["topic one\n/two"]);
});

rule("a topic that is missing is asked for, and nothing is sent", () => {
  const { command: { words, text, act } } = sent("/topic ");
  same([words.includes("/topic"), text, act], [true, undefined, undefined]);
});

rule("a topic that would be refused is not lost: the reason is said, and others can send it as text", () => {
  const long = "x".repeat(250);
  same(sent(`/topic ${long}`).done, [`topic ${long}`]);
  const refused = [
    [`/topic ${long}x`, {}, undefined],
    ["/topic Noon", { isOwner: false }, "/topic Noon"],
    ["/topic Noon", { isGroup: false }, "/topic Noon"],
  ];
  for (const [text, who, as] of refused) {
    const { command } = sent(text, who);
    same([command.words.includes("topic"), command.text, command.act], [true, as, undefined]);
  }
});

rule("a sentence that begins with a command that takes no text is no command", () => {
  for (const text of ["/archive the old plans", "/mute everybody", "/unmute Bob", "/leave it there"]) {
    const { command, done } = sent(text);
    same([command.text, done], [text, []]);
    same(command.words.includes(text.split(" ")[0]), true);
  }
});

rule("an unknown command says so, and can be sent as text", () => {
  const { command, done } = sent("/dance now");
  same([command.words.includes("/dance"), command.text, done], [true, "/dance now", []]);
});

rule("leaving is asked for twice, and a direct chat is not left", () => {
  same([sent("/leave").command.words.includes("again"), sent("/leave").done], [true, ["leave"]]);
  const { command: { text, act } } = sent("/leave", { isGroup: false });
  same([text, act], [undefined, undefined]);
});

rule("a chat is muted, heard again and put away at once", () => {
  same(["/mute", "/unmute", "/archive"].flatMap((text) => sent(text).done),
    ["mute", "unmute", "archive"]);
});

rule("only what can be done is suggested, by its beginning", () => {
  const named = (start, powers) => commandsFor(start, powers).map(({ name }) => name);
  same(named("", { isOwner: true, isGroup: true }), [
    "archive", "leave", "mute", "shrug", "topic", "unmute",
  ]);
  same(named("", { isOwner: false, isGroup: false }), ["archive", "mute", "shrug", "unmute"]);
  same(named("to", { isOwner: true, isGroup: true }), ["topic"]);
  same(named("x", { isOwner: true, isGroup: true }), []);
});
