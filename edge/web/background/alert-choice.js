/**
 * Which messages the user wants notifications about in this browser, and whether the browser
 * permits them.
 */

const KEY = "hubbub alerts";
const USUAL = { of: "all", isLoud: true };

export class AlertChoice {
  /** False if the browser cannot show notifications, as on plain http. */
  get isPossible() {
    return isSecureContext && "Notification" in globalThis; // Chromium has it everywhere
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

  /** Lets the browser ask for permission. Only after the user's own action. */
  async ask() {
    await Notification.requestPermission();
    return this.permission;
  }

  /** Whether to notify about this message, given the chat's own setting. */
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
      // Nothing can be stored here: the default stays.
    }
  }
}
