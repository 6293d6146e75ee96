/**
 * Passes the styles the height that a phone's keyboard leaves free, if the browser lays the
 * keyboard over the page (Safari). Others shrink the page themselves.
 */

const LEAST_PX = 100; // less than that is a browser toolbar

/** `viewport` is the browser's `visualViewport`. */
export function stayAboveKeyboard(viewport) {
  const { style } = document.documentElement;
  const fit = () => {
    const { height, offsetTop, scale } = viewport;
    const isOver = scale === 1 && document.documentElement.clientHeight - height > LEAST_PX;
    style.setProperty("--screen", isOver ? `${height}px` : "");
    style.setProperty("--screen-top", isOver ? `${offsetTop}px` : "");
  };
  for (const type of ["resize", "scroll"]) viewport.addEventListener(type, fit);
}
