/**
 * A menu next to its anchor, or at the bottom of a touch screen. Closes itself and restores the
 * focus.
 */
import { element } from "./element.js";
import { dropClick, keepFinger } from "./finger.js";
import { icon } from "./icons.js";

const EDGE_PX = 8;

/**
 * `items` are `{icon, label, danger, take()}`, nodes between them, or null for a line. `anchor` is
 * the pressed element; the menu is aligned with its end, or with its start if `isAtStart`; `layers`
 * as in `layers.js`.
 */
export function openMenu({ label, anchor, isAtStart, items, layers }) {
  const close = () => layer.close();
  const layer = openLayer(
    { label, role: "menu", anchor, isAtStart, layers }, ...items.map((item) => nodeOf(item, close)),
  );
  layer.node.querySelector("button:not(:disabled)")?.focus();
  return layer;
}

/** The layer itself, with any content: `{node, close()}`. */
export function openLayer({ label, role, anchor, isAtStart = false, layers }, ...content) {
  let isClosedHere = false; // by `close`, not by a tap outside
  const close = () => {
    isClosedHere = true;
    node.hidePopover();
  };
  const isTouch = matchMedia("(pointer: coarse)").matches;
  const node = element(
    "div",
    {
      class: isTouch ? "menu bottom-sheet" : "menu",
      popover: "auto",
      role,
      "aria-label": label,
      onkeydown: (event) => walk(event, node),
      onbeforetoggle: ({ newState }) => {
        // The click of that tap would reach what lies below; `toggle` comes after it.
        if (isTouch && !isClosedHere && newState === "closed") dropClick();
      },
      ontoggle: ({ newState }) => {
        if (newState !== "closed") return;
        const hadFocus = node.contains(document.activeElement)
          || document.activeElement === document.body;
        layers.closed(close);
        node.remove();
        if (hadFocus && anchor.isConnected) anchor.focus();
      },
    },
    ...content,
  );
  (anchor.closest("main") ?? document.body).append(node);
  node.showPopover();
  keepFinger(node);
  if (isTouch) layers.opened(close); // the back button closes it on a phone
  else keepInWindow(node, anchor.getBoundingClientRect(), isAtStart);
  return { node, close };
}

function nodeOf(item, close) {
  if (item === null) return element("hr", { role: "separator" });
  if (item instanceof Node) return item;
  const attributes = {
    type: "button",
    role: "menuitem",
    class: item.danger ? "danger" : undefined,
    onclick: () => {
      close();
      item.take();
    },
  };
  const label = element("span", { class: "cut" }, item.label);
  return element("button", attributes, icon(item.icon), label);
}

/**
 * Below its anchor, or above it if there is no room; always inside the window, even if its content
 * arrives later.
 */
function keepInWindow(node, { top, bottom, left, right }, isAtStart) {
  let isBelow = true;
  const place = () => {
    const { offsetWidth: width, offsetHeight: height } = node;
    isBelow &&= bottom + EDGE_PX + height <= innerHeight;
    const x = isAtStart ? left : Math.max(EDGE_PX, right - width);
    const y = isBelow ? bottom + 4 : Math.max(EDGE_PX, top - height - 4);
    node.style.setProperty("left", `${Math.min(x, innerWidth - width - EDGE_PX)}px`);
    node.style.setProperty("top", `${y}px`);
  };
  place();
  new ResizeObserver(place).observe(node);
}

function walk(event, node) {
  if (event.target.matches("input")) return;
  const buttons = [...node.querySelectorAll("button:not(:disabled)")];
  const at = buttons.indexOf(document.activeElement);
  const next = {
    ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1,
  }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  buttons.at(next % buttons.length)?.focus();
}
