/**
 * A message on one line: its text without markup, or the names of its files.
 */
import { plainOf } from "./prose.js";

const EXCERPT = 200; // UTF-16 units; no more is visible on one line

export function saidIn(text, attachments = []) {
  const plain = plainOf(text.slice(0, EXCERPT));
  if (plain !== "" || attachments.length === 0) return plain;
  return attachments.length === 1 ? attachments[0].name : `${attachments.length} files`;
}
