/**
 * The name of the window, its icon and the number on it: which chat is open, how much is unread.
 */

export class Heading {
  #waiting = null; // as it was last shown: an earlier window may have left another number

  /**
   * `title` is the open chat's or ""; `waiting` is how much asks for attention in all of them;
   * `name` is the instance's.
   */
  show({ title, waiting, name }) {
    const shown = [waiting > 0 && `(${waiting})`, title && `${title} –`, name]
      .filter(Boolean).join(" ");
    if (shown !== document.title) document.title = shown;
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    const icon = document.querySelector("link[rel=icon]");
    const mark = waiting > 0 ? "mark-unread.svg" : "mark.svg";
    if (!icon.href.includes(mark)) icon.href = icon.href.replace(/[\w-]+\.svg/u, mark);
    navigator.setAppBadge?.(waiting).catch(() => {}); // where the page is no app, there is no badge
  }
}
