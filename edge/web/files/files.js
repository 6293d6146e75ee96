/**
 * Files of messages: those chosen for the next message of each chat, and those already sent.
 */
import { FileLinks } from "./file-links.js";
import { dayAndTime } from "../text/days.js";
import { Tray } from "./tray.js";
import { upload } from "../client/upload.js";
import { Uploads } from "./uploads.js";
import { openViewer } from "./viewer.js";
import { refusalInWords } from "../text/words.js";

export class Files {
  #api;
  #clock;
  #names;
  #layers;
  #onChange;
  #links;
  #chat = null;
  #waiting = new Map(); // chat -> Uploads

  /**
   * `onChange()` when the open chat's files have changed, `onEmptied()` when the last one was
   * removed.
   */
  constructor({ api, clock, names, layers, onChange, onEmptied }) {
    this.#api = api;
    this.#clock = clock;
    this.#names = names;
    this.#layers = layers;
    this.#onChange = onChange;
    this.#links = new FileLinks({ api, clock });
    this.tray = new Tray({
      remove: (key) => this.#of(this.#chat).remove(key),
      retry: (key) => this.#of(this.#chat).retry(key),
      emptied: onEmptied,
    });
  }

  /** Shows the files chosen for this chat in the tray. */
  open(chat) {
    this.#chat = chat;
    this.#draw();
  }

  /** As `Uploads.add`, to the next message of a chat. */
  add(chat, files) {
    return this.#of(chat).add(files);
  }

  /** `take`, `isEmpty`, `isUnderway`, `hasFailed` and `wayOutInWords` of the open chat. */
  get waiting() {
    return this.#of(this.#chat);
  }

  /** For a stored file of the open chat, as `FileLinks.of`. */
  link(file) {
    return this.#links.of(this.#chat.id, file.id);
  }

  /** Shows a picture of the message `seq`, among the other pictures that are loaded. */
  view(seq, file) {
    const { items } = this.#chat.timeline.stretchAt(seq);
    const pictures = items.flatMap(({ attachments = [], by, at }) => (
      attachments.filter((one) => one.preview && one.width).map((one) => ({
        file: one, by: this.#names.of(by), when: dayAndTime(at, this.#clock.now()),
      }))
    ));
    const at = pictures.findIndex((one) => one.file.id === file.id);
    openViewer({ pictures, at, link: (one) => this.link(one), layers: this.#layers });
  }

  #of(chat) {
    if (!this.#waiting.has(chat)) {
      this.#waiting.set(chat, new Uploads({
        clock: this.#clock,
        random: Math.random,
        inWords: notUploadedInWords,
        bring: (file, how) => this.#bring(chat, file, how),
        drop: (id) => this.#api.deleteFile(chat.id, id),
        onChange: () => {
          chat.files = this.#of(chat).all;
          if (chat === this.#chat) this.#draw();
        },
      }));
    }
    return this.#waiting.get(chat);
  }

  async #bring(chat, file, { key, name, onProgress, signal }) {
    const path = `/api/chat/${chat.id}/file?name=${encodeURIComponent(name)}`;
    const ask = (headers) => upload(path, file, { headers, onProgress, signal });
    return (await this.#api.authorized(ask, key)).file;
  }

  #draw() {
    this.tray.render(this.waiting.all);
    this.#onChange();
  }
}

function notUploadedInWords(error) {
  if (error.status === 413) return "It is larger than the server takes.";
  if (error.status === 403) return "You may not send it to this chat.";
  if (error.errors?.[0]?.field === "file") return "You have as many files here as one may have.";
  return refusalInWords(error);
}
