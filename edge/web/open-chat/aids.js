/**
 * The parts of a conversation that are not needed to read it: completion, emoji, menus, files.
 */
import { commandIn } from "../composer/commands.js";
import { Completion } from "../composer/completion.js";
import { openEmojiPicker } from "../composer/emoji-picker.js";
import { EmojiUse } from "../composer/emoji-use.js";
import { replaceEmojiWords } from "../composer/emoji-words.js";
import { Files } from "../files/files.js";
import { openReactions } from "../log/reaction-people.js";
import { openMessageMenu } from "../log/message-layer.js";
import { choicesFor } from "../log/message-menu.js";
import { suggest } from "../composer/suggestions.js";
import { Tools } from "../log/tools.js";

export class Aids {
  #parts;
  #use = new EmojiUse();

  /** `onFiles` and `onNoFiles` as `onChange` and `onEmptied` of `Files`. */
  constructor({ me, api, chats, names, clock, layers, onFiles, onNoFiles }) {
    this.#parts = { me, api, chats, names, layers };
    this.files = new Files({
      api, clock, names, layers, onChange: onFiles, onEmptied: onNoFiles,
    });
  }

  /** `chat()` is the open chat. */
  completionFor(field, chat) {
    const find = (mark, word) => suggest(mark, word, {
      ...this.#parts, chat: chat(), use: this.#use,
    });
    replaceEmojiWords(field, this.#use);
    return new Completion({ field, find });
  }

  /** As the function of that name. */
  commandIn(text, who) {
    return commandIn(text, who);
  }

  /** Buttons on the lines of a log, as `Tools` takes it. */
  putTools(where) {
    return new Tools(where);
  }

  choicesFor(row, who) {
    return choicesFor(row, who);
  }

  pickEmoji(anchor, choose) {
    openEmojiPicker({ anchor, layers: this.#parts.layers, use: this.#use, choose });
  }

  /** As the function of that name. */
  openReactions(how) {
    const { me, names, layers } = this.#parts;
    openReactions({ ...how, me, names, layers });
  }

  /** As `openMessageMenu` takes it. */
  openMenu({ react, ...rest }) {
    return openMessageMenu({
      ...rest,
      layers: this.#parts.layers,
      six: this.#use.six,
      react: (emoji, isOn) => {
        if (isOn) this.#use.count(emoji);
        react(emoji, isOn);
      },
    });
  }
}
