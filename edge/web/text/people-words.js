/**
 * The page's texts about people that no list of chats needs.
 */
import { listed, others } from "./words.js";

/** The default name of a chat of these people. */
export function nameForPeople(names) {
  const name = names.join(", ");
  return [...name].length <= 128 ? name : `${names[0]} and ${others(names.length - 1)}`;
}

/** "bob is typing", "bob and cleo are typing", "Several people are typing". */
export function typingInWords(names) {
  if (names.length === 0) return "";
  if (names.length > 3) return "Several people are typing";
  return `${listed(names)} ${names.length === 1 ? "is" : "are"} typing`;
}

/** "One person", "201 people". */
export function peopleInWords(count) {
  return count === 1 ? "One person" : `${count} people`;
}

/** Whether an account is deleted; no other account can have such a name. */
export function isDeleted(user) {
  return /^deleted-.{8}$/iu.test(user?.username ?? "");
}
