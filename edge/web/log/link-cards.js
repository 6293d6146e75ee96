/**
 * Previews of the links in a message, from the server.
 */
import { element } from "../parts/element.js";

/** Null where there is none. */
export function linkCardsOf(previews = []) {
  const shown = previews.filter(({ url }) => isOpenable(url)).map(cardOf);
  return shown.length > 0 ? element("div", { class: "link-cards" }, ...shown) : null;
}

/** A browser may reject an address that the server could fetch. */
function isOpenable(url) {
  try {
    return /^https?:$/u.test(new URL(url).protocol);
  } catch {
    return false;
  }
}

function cardOf({ url, title, description, siteName }) {
  const text = (name, words) => words && element("span", { class: name, dir: "auto" }, words);
  return element(
    "a",
    { class: "link-card", href: url, target: "_blank", rel: "noopener noreferrer" },
    text("site cut", siteName ?? new URL(url).host),
    text("title", title),
    text("about", description),
  );
}
