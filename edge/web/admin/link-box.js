/**
 * A link to be shared, and a button that copies it.
 */
import { copyText } from "../parts/clipboard.js";
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";

/** `onCopied(words)` is called with the outcome. */
export function linkBox({ url, label, onCopied }) {
  const field = element("input", {
    class: "input", readonly: true, value: url, "aria-label": label, onfocus: () => field.select(),
  });
  const copy = element(
    "button", { type: "button", class: "strong", onclick: () => copyLink(url, onCopied) },
    icon("copy"), "Copy",
  );
  return element("div", { class: "link-box" }, field, copy);
}

export async function copyLink(url, onCopied) {
  try {
    await copyText(url);
    onCopied("The link is copied.");
  } catch {
    onCopied("Not copied: the browser does not allow it. Select the link instead.");
  }
}
