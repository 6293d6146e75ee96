/**
 * Entry links: `#owner=CODE`, `#invite=CODE` and `#reset=CODE`. Reading one removes it from the
 * address, so that nobody sees it there and it is not treated as a chat. The history entry's state
 * keeps it across reloads until it has been used.
 */

const LINK = /^#(owner|invite|reset)=(.*)$/u;

export function isLink(hash) {
  return LINK.test(hash);
}

/** Takes `{kind, code}` from the address; null if it is not a link. */
export function takeLink() {
  const found = LINK.exec(location.hash);
  if (found === null) return null;
  const link = { kind: found[1], code: found[2] };
  history.replaceState({ link }, "", location.pathname);
  return link;
}

/** The link that was taken before a reload, or null. */
export function keptLink() {
  return history.state?.link ?? null;
}

/** Drops the link, which was used or is broken. */
export function forgetLink() {
  if (history.state?.link) history.replaceState(null, "");
}
