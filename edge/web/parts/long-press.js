/**
 * Long presses, which not every browser reports.
 */
import { dropClick } from "./finger.js";

const LONG_PRESS_MS = 450;
const MOVED_PX = 10;

/**
 * Calls `act(held)` after a long press on something in this node that matches the selector. If it
 * returns true, lifting the finger clicks nothing.
 */
export function hearLongPress(node, selector, act) {
  let press = null;
  const release = () => {
    clearTimeout(press?.timer);
    press = null;
  };
  node.addEventListener("pointerdown", ({ target, pointerType, clientX, clientY }) => {
    release();
    const held = target.closest(selector); // before a redraw, which may move it or what is in it
    if (pointerType !== "touch" || held === null) return;
    const timer = setTimeout(() => {
      press = null;
      if (act(held)) dropClick();
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
