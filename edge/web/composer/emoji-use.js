/**
 * The user's most used emoji, counted in this browser, and search by name.
 */
import { NoAnswer } from "../client/errors.js";

const KEY = "hubbub emoji";
const USUAL = ["👍", "❤️", "🎉", "👀", "✅", "😄"];
const COMMON = [
  ...USUAL, ..."😂 🙏 🔥 👏 💯 🚀 😢 😍 🤔 😅 🙂 😉 😎 😮 🙌 💪 👋 🤝 👌 💡 🐛 📎 📅 ☕ 🍰 🍉 🌿 🌻 ⭐ ⚠️ ❓ ❌".split(" "),
];
const FOUND = 42;

export class EmojiUse {
  #names = null; // [[emoji, "its names"]], loaded on the first search

  /** The six most used. */
  get six() {
    const counts = this.#counts();
    const used = Object.keys(counts).sort((a, b) => counts[b] - counts[a]);
    return [...new Set([...used, ...USUAL])].slice(0, 6);
  }

  /** The ones used here, then generally popular ones. */
  get often() {
    return [...new Set([...this.six, ...COMMON])];
  }

  count(emoji) {
    const counts = this.#counts();
    counts[emoji] = (counts[emoji] ?? 0) + 1;
    try {
      localStorage.setItem(KEY, JSON.stringify(counts));
    } catch {
      // Nothing can be stored here; the default six stay.
    }
  }

  /**
   * Matching `[[emoji, name]]`, the best first; every word must be a prefix of a word in its names.
   * Raises NoAnswer.
   */
  async find(text) {
    this.#names ??= await load();
    const words = text.toLowerCase().split(/[\s_:]+/u).filter(Boolean);
    const fits = ([, names]) => words.every((word) => (
      ` ${names.replaceAll("|", " ")}`.includes(` ${word}`)
    ));
    const found = this.#names.filter(fits);
    const isExact = ([, names]) => names.split("|").some((name) => name === words.join(" "));
    return [...found.filter(isExact), ...found.filter((one) => !isExact(one))].slice(0, FOUND)
      .map(([emoji, names]) => [emoji, names.split("|")[0]]);
  }

  /** The emoji with exactly this name, in which `_` is a space, if any. Raises NoAnswer. */
  async called(name) {
    this.#names ??= await load();
    const wanted = name.toLowerCase().replaceAll("_", " ");
    return this.#names.find(([, names]) => names.split("|").includes(wanted))?.[0];
  }

  #counts() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
      return {};
    }
  }
}

/** The table is large: loaded on demand, in the same version as this module. */
async function load() {
  const { search } = new URL(import.meta.url);
  const answer = await fetch(`/web/emoji-names.txt${search}`).catch(() => null);
  if (!answer?.ok) throw new NoAnswer("The names of emoji did not come.");
  const table = await answer.text();
  return table.trim().split("\n").map((line) => {
    const space = line.indexOf(" ");
    return [line.slice(0, space), line.slice(space + 1)];
  });
}
