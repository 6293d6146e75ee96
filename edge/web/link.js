/**
 * The links by which people come in: `#owner=CODE`, `#invite=CODE` and `#reset=CODE`. Whoever reads
 * one takes it out of the address, so that nobody sees it there, and no chat is looked for by it. Its
 * place in the history keeps it, so that a reload does not lose it, until it has done its work.
 */

const LINK = /^#(owner|invite|reset)=(.*)$/u;

export function isLink(hash) {
  return LINK.test(hash);
}

/** `{kind, code}` of the address, which does not name it any more; null where it is no link. */
export function takeLink() {
  const found = LINK.exec(location.hash);
  if (found === null) return null;
  const link = { kind: found[1], code: found[2] };
  history.replaceState({ link }, "", location.pathname);
  return link;
}

/** The one that was taken here before a reload, or null. */
export function keptLink() {
  return history.state?.link ?? null;
}

/** It has done its work, or does not work. */
export function forgetLink() {
  if (history.state?.link) history.replaceState(null, "");
}
