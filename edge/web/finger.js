/**
 * Knows which finger lies on the screen: a menu that a long press opens has to outlast its lifting,
 * which the browser takes for a tap beside the menu otherwise, and for a click on what is below.
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

/** The finger that is down, if any, is lifted from this node, wherever it lies, and clicks nothing. */
export function keepFinger(node) {
  if (down === null) return;
  node.setPointerCapture(down);
  node.addEventListener("lostpointercapture", dropClick, { once: true });
}

/** The click that comes before anything is pressed again. */
function dropClick() {
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
