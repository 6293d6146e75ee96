/**
 * Tracks the finger on the screen: a menu opened by a long press must survive its lifting, which
 * the browser would treat as a tap outside the menu and a click on what is below. Loaded before
 * the menus, since the first press may be what loads them.
 */

const EARLY = { capture: true, passive: true };
let down = null; // its pointerId

addEventListener("pointerdown", ({ pointerType, pointerId }) => {
  if (pointerType === "touch") down = pointerId;
}, EARLY);
for (const type of ["pointerup", "pointercancel"]) {
  addEventListener(type, ({ pointerId }) => {
    if (pointerId === down) down = null;
  }, EARLY);
}

/** The finger that is down, if any, counts as lifted from this node, wherever it is. */
export function keepFinger(node) {
  if (down !== null) node.setPointerCapture(down);
}

/** The click that arrives before the next press does nothing. */
export function dropClick() {
  const pressed = new AbortController();
  const { signal } = pressed;
  addEventListener("pointerdown", () => pressed.abort(), { capture: true, signal });
  addEventListener("click", (event) => {
    pressed.abort();
    if (event.detail === 0) return; // by a key
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true, signal });
}
