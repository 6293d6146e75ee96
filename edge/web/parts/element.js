/**
 * Creates elements from names, attributes and text. The only place that does; text becomes only
 * text nodes, so user text can never be markup.
 */
import { presenceInWords } from "../state/presence.js";

/** Attributes that are functions become listeners; false and undefined ones are left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * An avatar: two letters on the colour of an id; people are round, chats are square. `picture` is
 * the address of the profile picture, shown over the letters, `state` the presence to show, if any.
 */
export function avatar(hue, letters, { person = false, size = "", state = "", picture } = {}) {
  const classes = ["avatar", person && "person", size].filter(Boolean).join(" ");
  const node = element("span", { class: classes, "aria-hidden": "true" }, letters);
  node.style.setProperty("--hue", hue);
  if (picture) node.append(element("img", { src: picture, alt: "", loading: "lazy" }));
  if (state === "online") node.append(element("span", { class: "presence" }));
  if (state === "away") node.append(element("span", { class: "presence away" }));
  return node;
}

/** The presence in words next to a name, for screen readers; null if offline. */
export function presenceBeside(state) {
  const words = presenceInWords(state);
  return words ? element("span", { class: "unseen" }, `, ${words}`) : null;
}

/** At most two letters for a name, in any script. */
export function lettersOf(name) {
  const words = name.split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = (word) => [...word].filter((mark) => /[\p{L}\p{N}]/u.test(mark));
  const one = letters(words[0] ?? "");
  const picked = words.length > 1 ? [one[0], letters(words[1])[0]] : one;
  return picked.slice(0, 2).join("").toLocaleUpperCase() || "#";
}

/** If it has the focus, its neighbour gets it: the next Tab continues from there. */
function removeKeepingFocus(node) {
  const neighbour = node.contains(document.activeElement)
    ? node.nextElementSibling ?? node.previousElementSibling
    : null;
  node.remove();
  const next = neighbour?.matches("[tabindex]") ? neighbour : neighbour?.querySelector("a, button");
  next?.focus({ preventScroll: true });
}

/**
 * Updates a parent's children to these rows, touching only the nodes whose row has changed. `kept`
 * is a Map that belongs to the parent. `shell(row)` creates a node, `fill(node, row)` fills it.
 */
export function arrange(parent, rows, kept, { shell, fill }) {
  const keys = new Set(rows.map((row) => row.key));
  for (const [key, { node }] of kept) {
    if (keys.has(key)) continue;
    removeKeepingFocus(node);
    kept.delete(key);
  }
  let place = parent.firstChild;
  for (const row of rows) {
    const content = JSON.stringify(row);
    let entry = kept.get(row.key);
    if (!entry) {
      entry = { node: shell(row), content: "" };
      kept.set(row.key, entry);
    }
    if (entry.content !== content) {
      fill(entry.node, row);
      entry.content = content;
    }
    // Moving a node would blur what it contains: the others move around the focus.
    if (entry.node === place || entry.node.contains(document.activeElement)) {
      place = entry.node.nextSibling;
    } else parent.insertBefore(entry.node, place);
  }
}
