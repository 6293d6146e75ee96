/**
 * The links by which people come in: `#owner=CODE`, `#invite=CODE` and `#reset=CODE`. Whoever reads
 * one takes it out of the address, so that it is in no history, and no chat is looked for by it.
 */

const LINK = /^#(owner|invite|reset)=(.*)$/u;

export function isLink(hash) {
  return LINK.test(hash);
}

/** `{kind, code}` of the address, which does not name it any more; null where it is no link. */
export function takeLink() {
  const found = LINK.exec(location.hash);
  if (found === null) return null;
  history.replaceState(null, "", location.pathname);
  return { kind: found[1], code: found[2] };
}
