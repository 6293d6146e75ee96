/**
 * The message field: for new messages, replies and edits. Never waits: a text is handed over and
 * the field is empty again.
 */
import { isBlank } from "../client/fold.js";
import { isComposing } from "../parts/composing.js";
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { insertInto, isPictureOfText } from "../parts/insertion.js";
import { roomAfter, roomInWords } from "./room.js";
import { sendLater } from "./late-sends.js";
import { saidIn } from "../text/said.js";

const TYPING_EVERY_MS = 3_000;
const JUST_TYPED_MS = 2_000;
const UNSEEN = /^[\s\p{Default_Ignorable_Code_Point}]*$/u; // what leaves an empty line
const WAITS = "It will be sent once its files have uploaded.";
const KEPT = "An edit adds no files: these go with your next message.";

export class Composer {
  #hear;
  #clock;
  #chat = null;
  #field;
  #go;
  #completion = null; // loaded when the browser is idle
  #about = element("div", { class: "replying", hidden: true });
  #said = element("p", { class: "limit", role: "status" });
  #typedAt = -Infinity;
  #changedAt = -Infinity;
  #answered = null; // the row being replied to
  #edited = null; // the row being edited, in place of the chat's draft
  #waits = false; // for its files: then it is sent automatically
  #files = null; // as `Files.waiting`, once files can be chosen
  #tray = element("div", { hidden: true });
  #asked = null; // the text whose command has been explained

  /**
   * `hear` is `{send(text, answered, attachments, chat), command(text), edit(row, text), draft(text, chat?),
   * answer(row, chat?), editing({row, text} or null, chat?), typing(), editLast(), pickEmoji(anchor), attach(files), aid()}`, where
   * `chat` is the open one unless it is given; `command` as `commandIn` gives.
   */
  constructor({ hear, clock }) {
    this.#hear = hear;
    this.#clock = clock;
    this.#field = element("textarea", {
      rows: "1", autocomplete: "off", dir: "auto",
      oninput: () => this.#changed(),
      onkeydown: (event) => this.#key(event),
      onpaste: (event) => {
        const { files, types } = event.clipboardData;
        if (files.length === 0 || isPictureOfText(types)) return;
        event.preventDefault();
        hear.attach([...files]);
      },
    });
    this.#go = element(
      "button",
      { class: "strong send", type: "submit", "aria-label": "Send", title: "Send" },
      element("span", {}, "Send"), icon("up-arrow"),
    );
    const quiet = (name, label, kind, take) => element(
      "button",
      { class: `bare ${kind}`, type: "button", "aria-label": label, title: label,
        onclick: ({ currentTarget }) => take(currentTarget) },
      icon(name),
    );
    const chooser = element("input", {
      type: "file", multiple: true, hidden: true, tabindex: "-1", "aria-hidden": "true",
      onchange: () => {
        hear.attach([...chooser.files]);
        chooser.value = ""; // the same file may be chosen again
      },
    });
    const form = element(
      "form",
      {
        class: "write",
        onsubmit: (event) => {
          event.preventDefault();
          this.#send();
        },
      },
      this.#about,
      chooser,
      this.#tray,
      element(
        "div",
        { class: "main" },
        quiet("attach", "Attach files", "", () => chooser.click()),
        this.#field,
        quiet("smile", "Emoji", "", (anchor) => hear.pickEmoji(anchor)),
        quiet("at", "Mention a person", "mention", () => this.insert("@")),
        this.#go,
      ),
    );
    this.node = element("div", { class: "composer" }, this.#said, form);
  }

  /** Enables completion with this from now on. */
  complete(makeCompletion) {
    this.#completion = makeCompletion(this.#field);
    this.node.prepend(this.#completion.node);
    this.#completion.update();
  }

  /** The chosen files have changed; they are shown in `tray`. */
  showFiles(files, tray) {
    if (this.#tray !== tray) this.#tray.replaceWith(tray);
    this.#tray = tray;
    this.#files = files;
    this.#waits &&= !files.isEmpty; // removing the last file cancels the waiting send
    this.#measure();
    if (!this.#waits || files.isUnderway) return;
    if (files.hasFailed) this.#waits = false;
    else this.#send();
  }

  /** Shows another chat, or the same again: with its draft or unfinished edit. */
  open(chat, title) {
    const { edit } = chat;
    this.#sendLater();
    this.#chat = chat;
    this.retitle(title);
    [this.#edited, this.#answered] = [edit && edit.row, chat.answered];
    this.#completion?.close();
    this.#head();
    this.#set(edit ? edit.text : chat.draft);
  }

  /** A message was deleted: an edit of it becomes a new message. */
  gone(chat, messageId) {
    if (chat !== this.#chat) {
      this.#goneElsewhere(chat, messageId);
      return;
    }
    if (this.#edited?.messageId === messageId) {
      const draft = together(chat.draft, this.#field.value);
      [this.#edited, this.#answered] = [null, chat.answered];
      this.#set(draft);
      this.#hear.editing(null, chat);
      this.#hear.draft(draft, chat);
      this.#said.textContent = "The message that you were editing was deleted.";
    } else if (this.#answered?.messageId === messageId) {
      this.#answered = null;
      this.#hear.answer(null, chat);
      this.#said.textContent = "The message that you were answering was deleted.";
    } else return;
    this.#head();
  }

  #goneElsewhere(chat, messageId) {
    const { edit } = chat;
    if (edit?.row.messageId === messageId) {
      this.#hear.editing(null, chat);
      this.#hear.draft(together(chat.draft, edit.text), chat);
    }
    if (chat.answered?.messageId === messageId) this.#hear.answer(null, chat);
  }

  retitle(title) {
    this.#field.setAttribute("aria-label", `Message to ${title}`);
    this.#field.placeholder = `Message to ${title}`;
  }

  /** Another window may have changed the draft; keeps what is being typed here. */
  keepUp({ draft, answered, edit }) {
    if (this.#clock.now() - this.#changedAt < JUST_TYPED_MS) return;
    if (this.#edited !== null) {
      const { messageId } = this.#edited;
      const now = this.#chat.timeline.messageOf(messageId);
      if (edit === null) this.#endEdit();
      else if (now && isBlank(now)) this.gone(this.#chat, messageId); // while the chat was not open
      else if (edit.row.messageId !== messageId || edit.text !== this.#field.value) this.#take(edit);
      return;
    }
    if (this.#field.value !== draft) this.#set(draft);
    if (this.#answered?.messageId === answered?.messageId) return;
    this.#answered = answered;
    this.#head();
  }

  answer(row) {
    this.#stopEditing();
    this.#answered = row;
    this.#hear.answer(row);
    this.#head();
    this.focus();
  }

  edit(row) {
    this.#sendLater();
    this.#hear.editing({ row, text: row.text });
    this.#take({ row, text: row.text });
    this.focus();
    this.#field.setSelectionRange(row.text.length, row.text.length);
  }

  /** Inserts text at the caret. */
  insert(text) {
    this.focus();
    const { selectionStart, selectionEnd, value } = this.#field;
    const isApart = selectionStart === 0 || /\s$/u.test(value.slice(0, selectionStart));
    insertInto(this.#field, isApart ? text : ` ${text}`, selectionStart, selectionEnd);
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  /** The same, unless a phone's keyboard would cover the text being read. */
  offer() {
    if (!matchMedia("(pointer: coarse)").matches) this.focus();
  }

  /** Whether there is neither a text nor a reply or edit. */
  get isEmpty() {
    const isPlain = this.#edited === null && this.#answered === null && !this.#hasFiles();
    return this.#field.value === "" && isPlain;
  }

  #set(text) {
    this.#asked = null; // what was explained is no longer shown
    this.#field.value = text;
    this.#measure();
    this.#fit();
  }

  /** Shows the reply or edit above the text, with a cancel button. */
  #head() {
    const verb = this.#edited ? "Save" : "Send";
    this.#go.firstChild.textContent = verb;
    this.#go.setAttribute("aria-label", verb);
    this.#go.title = verb;
    const row = this.#edited ?? this.#answered;
    this.#about.hidden = row === null;
    if (row === null) return;
    const what = this.#edited
      ? [element("b", {}, "Edit message")]
      : [element("span", { class: "unseen" }, "Reply to "),
        element("b", { class: "cut", dir: "auto" }, row.name), " ",
        element("span", { class: "cut", dir: "auto" }, saidIn(row.text, row.attachments))];
    const close = element(
      "button",
      {
        class: "bare", type: "button", "aria-label": this.#edited ? "Cancel editing" : "Cancel reply",
        onclick: () => {
          this.#leave();
          this.focus();
        },
      },
      icon("close"),
    );
    const mark = this.#edited ? "edit" : "reply";
    this.#about.replaceChildren(icon(mark, { small: true }), ...what, close);
  }

  /** Cancels the edit, then the reply. False if there is neither. */
  #leave() {
    if (this.#edited !== null) this.#stopEditing();
    else if (this.#answered !== null) {
      this.#answered = null;
      this.#hear.answer(null);
      this.#head();
    } else return false;
    return true;
  }

  #stopEditing() {
    if (this.#edited === null) return;
    this.#hear.editing(null);
    this.#endEdit();
  }

  #take({ row, text }) {
    this.#edited = row;
    this.#head();
    this.#set(text);
  }

  #endEdit() {
    this.#edited = null;
    this.#answered = this.#chat.answered;
    this.#head();
    this.#set(this.#chat.draft);
  }

  /** What waits for its files goes by itself, unless its draft is changed. */
  #sendLater() {
    if (this.#waits) sendLater({ chat: this.#chat, files: this.#files, send: this.#hear.send });
    this.#waits = false;
  }

  #changed() {
    this.#changedAt = this.#clock.now();
    this.#asked = null;
    this.#waits = false;
    this.#fit();
    this.#measure();
    if (this.#completion) this.#completion.update();
    else this.#hear.aid();
    if (this.#edited !== null) {
      this.#hear.editing({ row: this.#edited, text: this.#field.value });
      return;
    }
    this.#hear.draft(this.#field.value);
    if (this.#field.value.trim() === "" || this.#changedAt < this.#typedAt + TYPING_EVERY_MS) return;
    this.#typedAt = this.#changedAt;
    this.#hear.typing();
  }

  #key(event) {
    if (isComposing(event) || event.altKey || event.ctrlKey || event.metaKey) return;
    if (this.#completion?.key(event)) return;
    const { key, shiftKey } = event;
    if (key === "Escape" && this.#leave()) event.preventDefault(); // one layer
    else if (key === "ArrowUp" && this.#field.value === "" && this.#edited === null) {
      event.preventDefault();
      this.#hear.editLast();
    } else if (key === "Enter" && !shiftKey && !matchMedia("(pointer: coarse)").matches) {
      event.preventDefault(); // on touch screens, a button sends
      if (!event.repeat) this.#send(); // a held key does not send twice
    }
  }

  #send() {
    const text = this.#field.value;
    if (this.#isVoid(text) || this.#measure() < 0) return;
    this.#completion?.close();
    const hasFiles = this.#hasFiles();
    if (hasFiles && this.#isHeldBack()) return;
    const command = this.#edited === null && !hasFiles ? this.#hear.command(text) : null;
    if (command?.words && !(this.#asked === text && (command.act || command.text))) {
      this.#asked = command.act || command.text ? text : null;
      this.#said.textContent = command.words;
      return;
    }
    if (command?.act) {
      this.#set("");
      this.#hear.draft("");
      command.act();
    } else if (this.#edited !== null) {
      const row = this.#edited;
      this.#stopEditing();
      if (text !== row.text) this.#hear.edit(row, text);
    } else {
      const answered = this.#answered;
      this.#answered = null;
      this.#typedAt = -Infinity;
      this.#head();
      this.#set("");
      const attachments = hasFiles ? this.#files.take() : [];
      this.#hear.send(command?.text ?? text, answered, attachments, this.#chat);
    }
    this.focus();
  }

  #hasFiles() {
    return this.#edited === null && this.#files !== null && !this.#files.isEmpty;
  }

  /** No text is needed with files, whether chosen or of the edited message. */
  #isVoid(text) {
    const hasFiles = this.#edited ? this.#edited.attachments?.length > 0 : this.#hasFiles();
    return UNSEEN.test(text) && !hasFiles;
  }

  /** Says why a message with files cannot be sent yet; sends it later if it only needs time. */
  #isHeldBack() {
    this.#waits = this.#files.isUnderway;
    if (this.#waits) this.#said.textContent = WAITS;
    else if (this.#files.hasFailed) {
      this.#said.textContent = `A file was not uploaded. ${this.#files.wayOutInWords}`;
    }
    return this.#waits || this.#files.hasFailed;
  }

  /** Says how much more text fits if that is little, and returns it in bytes. */
  #measure() {
    const text = this.#field.value;
    const room = roomAfter(text);
    this.#go.disabled = this.#isVoid(text) || room < 0;
    this.#said.classList.toggle("error", room < 0);
    const others = this.#edited !== null && this.#files?.isEmpty === false ? this.#files : null;
    const waits = others ? others.isPromised : this.#waits;
    const said = roomInWords(room) || (waits ? WAITS : others ? KEPT : "");
    if (this.#said.textContent !== said) this.#said.textContent = said; // is read out once
    return room;
  }

  #fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }
}

function together(...texts) {
  return texts.filter((text) => text !== "").join("\n");
}
