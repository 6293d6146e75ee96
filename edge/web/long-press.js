/**
 * Long presses, which not every browser reports.
 */

const LONG_PRESS_MS = 450;
const MOVED_PX = 10;

/** Calls `act(target)` after a long press in this node. */
export function hearLongPress(node, act) {
  let press = null;
  const release = () => {
    clearTimeout(press?.timer);
    press = null;
  };
  node.addEventListener("pointerdown", ({ target, pointerType, clientX, clientY }) => {
    release();
    if (pointerType !== "touch") return;
    const timer = setTimeout(() => {
      press = null;
      act(target);
    }, LONG_PRESS_MS);
    press = { timer, clientX, clientY };
  });
  for (const type of ["pointerup", "pointercancel", "scroll"]) {
    node.addEventListener(type, release, { passive: true });
  }
  node.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (press === null) return;
    if (Math.hypot(clientX - press.clientX, clientY - press.clientY) > MOVED_PX) release();
  }, { passive: true });
  node.addEventListener("contextmenu", (event) => {
    if (event.pointerType === "touch") event.preventDefault(); // the long press has its own menu
  });
}
