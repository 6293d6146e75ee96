/**
 * A link to be shared, and a button that copies it and says whether it did.
 */
import { copyText } from "../parts/clipboard.js";
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";

/** Says it beside the link: over a sheet a notice at the edge of the page would not be heard. */
export function linkBox({ url, label }) {
  const said = element("p", { class: "outcome", role: "status" });
  const onCopied = (words) => {
    said.textContent = words;
  };
  const field = element("input", {
    class: "input", readonly: true, value: url, "aria-label": label, onfocus: () => field.select(),
  });
  const copy = element(
    "button", { type: "button", class: "strong", onclick: () => copyLink(url, onCopied) },
    icon("copy"), "Copy",
  );
  return element("div", {}, element("div", { class: "link-box" }, field, copy), said);
}

/** `onCopied(words)` is called with the outcome. */
export async function copyLink(url, onCopied) {
  try {
    await copyText(url);
    onCopied("The link is copied.");
  } catch {
    onCopied("Not copied: the browser does not allow it. Select the link instead.");
  }
}
