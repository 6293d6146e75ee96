/**
 * Interprets messages that begin with a slash as commands. Decides; does nothing.
 */

const SHRUG = "¯\\_(ツ)_/¯";
const COMMAND = /^\/([a-z]+)(?:\s+([^]*))?$/u; // a path such as /etc/hosts is not one
const AGAIN = "Send it again";
const MOST_TOPIC = 250; // characters

/** Those that would lose the text after them. */
const ALONE = new Set(["archive", "leave", "mute", "unmute"]);

const COMMANDS = [
  { name: "archive", help: "Put the chat away until somebody writes in it" },
  { name: "leave", help: "Leave this chat", isGroup: true },
  { name: "mute", help: "No unread count and no notifications from this chat" },
  { name: "shrug", help: `Your message and ${SHRUG}` },
  { name: "topic", help: "Set the topic of the chat", isOwner: true },
  { name: "unmute", help: "Count and notify again" },
];

/** `[{name, help}]` with this prefix that can be used in this chat. */
export function commandsFor(start, { isOwner, isGroup }) {
  return COMMANDS.filter((one) => (
    one.name.startsWith(start) && (isOwner || !one.isOwner) && (isGroup || !one.isGroup)
  ));
}

/**
 * Null for text to be sent unchanged; else `{words, text, act}`: a sentence to be read before
 * sending again, then the text that is sent, or the action instead. With only `words` there is
 * nothing to send. `does` is `{archive(), leave(), mute(isMuted), setTopic(topic)}`.
 */
export function commandIn(text, { isOwner, isGroup, does }) {
  const [, name, rest = ""] = COMMAND.exec(text.trim()) ?? [];
  if (rest !== "" && ALONE.has(name)) {
    return { words: `Nothing can stand after /${name}. ${AGAIN} to send it as text.`, text };
  }
  switch (name) {
    case undefined:
      return null;
    case "shrug":
      return { text: rest === "" ? SHRUG : `${rest} ${SHRUG}` };
    case "archive":
      return { act: does.archive };
    case "mute":
    case "unmute":
      return { act: () => does.mute(name === "mute") };
    case "topic":
      return topicIn(rest, text, { isOwner, isGroup, does });
    case "leave":
      if (!isGroup) return { words: "A direct chat cannot be left. You can /archive it." };
      return {
        words: `${AGAIN} to leave this chat. You will no longer be able to read it.`,
        act: does.leave,
      };
    default:
      return { words: `There is no command /${name}. ${AGAIN} to send it as text.`, text };
  }
}

/** What the server would refuse is explained here, where the text is still in the field. */
function topicIn(topic, text, { isOwner, isGroup, does }) {
  if (!isGroup) return { words: `A direct chat has no topic. ${AGAIN} to send it as text.`, text };
  if (!isOwner) {
    return { words: `Only the owner of the chat can set its topic. ${AGAIN} to send it as text.`, text };
  }
  if (topic === "") return { words: "Write the topic after it: /topic Lunch at noon" };
  if ([...topic].length > MOST_TOPIC) {
    return { words: `A topic has ${MOST_TOPIC} characters at most.` };
  }
  return { act: () => does.setTopic(topic) };
}
