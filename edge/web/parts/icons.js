/**
 * The page's icons by name; the shapes are symbols in index.html, all on the same square.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Decorative: the button or the words around it carry the meaning. */
export function icon(name, { small = false } = {}) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("class", small ? "icon small" : "icon");
  node.setAttribute("viewBox", "0 0 20 20");
  node.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  node.append(use);
  return node;
}
