/**
 * What somebody wants to be told of in this browser while they look elsewhere, and whether the
 * browser lets us.
 */

const KEY = "hubbub alerts";
const USUAL = { of: "all", isLoud: true };

export class AlertChoice {
  /** False where a browser cannot show anything, as on plain http. */
  get isPossible() {
    return "Notification" in globalThis;
  }

  /** "granted", "denied" or "default", which is neither. */
  get permission() {
    return globalThis.Notification?.permission ?? "denied";
  }

  /** "all", "mentions" (with direct chats) or "none". */
  get of() {
    return this.#kept().of;
  }

  set of(of) {
    this.#keep({ of });
  }

  /** Whether the system may play its sound. */
  get isLoud() {
    return this.#kept().isLoud;
  }

  set isLoud(isLoud) {
    this.#keep({ isLoud });
  }

  /** Lets the browser ask. Only for somebody who has just asked for it. */
  async ask() {
    await Notification.requestPermission();
    return this.permission;
  }

  /** Whether this message is one to tell of, in a chat with this setting of its own. */
  wants({ isMention, isDirect, notify }) {
    const isForMe = isMention || isDirect;
    const isWanted = { all: true, mentions: isForMe, none: false }[this.of];
    return isWanted && { all: true, mentions: isMention, none: false }[notify];
  }

  #kept() {
    try {
      return { ...USUAL, ...JSON.parse(localStorage.getItem(KEY)) };
    } catch {
      return USUAL;
    }
  }

  #keep(changes) {
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...this.#kept(), ...changes }));
    } catch {
      // Nothing can be kept here: the usual choice stays.
    }
  }
}
