/** The Hubbub client for JavaScript programs and pages: see clients/javascript/README.md. */

/** Something that happened in a chat. `seq` counts from 1 without gaps in each chat. */
interface InChat {
  chat: string;
  seq: number;
  /** A time such as "2026-01-02T03:04:05.678Z". */
  at: string;
  /** A user id. */
  by: string;
}

interface AboutMessage extends InChat {
  messageId: string;
  /** The seq of the message. */
  of: number;
}

/** `size` in bytes; `width` and `height` in pixels, of pictures. */
export interface Attachment {
  id: string;
  name: string;
  type: string;
  size: number;
  width?: number;
  height?: number;
  preview?: boolean;
}

interface SentMessage extends InChat {
  type: "message";
  messageId: string;
  message: string;
  clientId?: string;
  replyTo?: string;
  mentions?: string[];
  attachments?: Attachment[];
}

/** `deleted`: the text is gone, and `message` is empty. */
export interface MessageSent extends SentMessage {
  deleted?: boolean;
}

export interface MessageEdited extends AboutMessage {
  type: "message.edited";
  message: string;
  mentions?: string[];
  deleted?: boolean;
}

export interface MessageDeleted extends AboutMessage {
  type: "message.deleted";
}

export interface ReactionAdded extends AboutMessage {
  type: "reaction.added";
  emoji: string;
}

/** Metadata of a page that a link in a message leads to. */
export interface LinkPreview {
  url: string;
  title: string;
  description?: string;
  siteName?: string;
}

export interface LinksPreviewed extends AboutMessage {
  type: "links.previewed";
  previews: LinkPreview[];
  deleted?: true;
}

export interface ReactionRemoved extends AboutMessage {
  type: "reaction.removed";
  emoji: string;
}

/** A new chat, or one that the user was added to: then with the seq of that event. */
export interface ChatCreated extends InChat {
  type: "chat.created";
  chatName: string;
  participants: string[];
  participantCount: number;
  owner: string | null;
  kind: "group" | "direct";
  topic?: string;
}

export interface ChatUpdated extends InChat {
  type: "chat.updated";
  chatName: string;
  owner: string | null;
  topic?: string;
}

export interface ParticipantAdded extends InChat {
  type: "participant.added";
  users: string[];
}

export interface ParticipantRemoved extends InChat {
  type: "participant.removed";
  users: string[];
  owner: string | null;
}

export interface ChatDeleted extends InChat {
  type: "chat.deleted";
}

/** An event of a newer server with an unknown type occupies its seq and changes nothing. */
export type Event =
  | MessageSent
  | MessageEdited
  | MessageDeleted
  | ReactionAdded
  | ReactionRemoved
  | LinksPreviewed
  | ChatCreated
  | ChatUpdated
  | ParticipantAdded
  | ParticipantRemoved
  | ChatDeleted;

/**
 * The server's history has changed (a database was restored): what this program stores of the chat,
 * or of all chats if `chat` is null, has to be loaded again.
 */
export interface Restarted {
  type: "restarted";
  chat: string | null;
}

export interface Typing {
  type: "typing";
  chat: string;
  user: string;
}

export interface Presence {
  type: "presence";
  /** By user id. */
  users: Record<string, "online" | "away" | "offline">;
}

/** Another device of the user read up to a seq; with `back` it marked what follows unread. */
export interface ReadMarker {
  type: "read";
  chat: string;
  upTo: number;
  back?: boolean;
}

/** Another device of the user changed the user's own settings of a chat. */
export interface ChatSettings {
  type: "mine";
  chat: string;
  notify: "all" | "mentions" | "none";
  archived: boolean;
}

export type Moment = Typing | Presence | ReadMarker | ChatSettings;

/** `users` are the first 100, in the order in which they reacted. */
export interface Reaction {
  emoji: string;
  count: number;
  users: string[];
}

/** The current state of a message. A deleted one has no text, but `deletedAt` and `deletedBy`. */
export interface Message extends SentMessage {
  editedAt?: string;
  deletedAt?: string;
  deletedBy?: string;
  reactions?: Reaction[];
  previews?: LinkPreview[];
}

/**
 * Messages as they are after these events, which are the next of their chat; oldest first. Events
 * about other messages change nothing.
 */
export function fold(messages: Iterable<Message>, events: Iterable<Event>): Message[];

/** Where a message or an edit is in its chat. */
export interface Sent {
  messageId: string;
  seq: number;
  at: string;
}

/** An uploaded file, to be attached to a message by its id. */
export type File = Attachment;

type Now<Value> = Value | Promise<Value>;

/** Where a client stores what must outlive the program. A value is stored when `put` returns. */
export interface Store {
  get(name: string): Now<string | null>;
  put(name: string, value: string): Now<void>;
  remove(name: string): Now<void>;
  /** In the order in which they were first put. */
  names(beginning: string): Now<string[]>;
}

/** Lost when the program ends. */
export class MemoryStore implements Store {
  get(name: string): string | null;
  put(name: string, value: string): void;
  remove(name: string): void;
  names(beginning: string): string[];
}

/**
 * A database in this browser. It contains the refresh token: any script of the page can read it.
 */
export class BrowserStore implements Store {
  constructor(name?: string);
  get(name: string): Promise<string | null>;
  put(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
  names(beginning: string): Promise<string[]>;
}

export interface Options {
  /** The server's address; by default a page's own origin, else "http://127.0.0.1:8000". */
  origin?: string;
  /** Without one, every program starts from scratch. */
  store?: Store;
  /** If the platform has none. */
  WebSocket?: unknown;
  fetch?: typeof fetch;
  /** From 0 to 1; for tests. */
  random?: () => number;
  /** For tests. */
  clock?: { now(): number; after(ms: number, call: () => void): () => void };
}

/** The tokens of a session. `expires` in Unix milliseconds. */
export interface Tokens {
  user: string;
  access: string;
  refresh: string;
  expires: number;
}

/** The REST calls of one session. */
export interface Rest {
  readonly origin: string;
  /** Null before sign-up or log-in, and after the session has ended. */
  readonly tokens: Tokens | null;
  /**
   * The answer's body. Bytes (a Blob, an ArrayBuffer or a view of one) are sent unchanged,
   * everything else as JSON. `key` makes the program's own repeats safe; without one, a key is
   * generated. Repeats what may be repeated for `repeatMs`. For calls that answer with bytes there
   * is `download`. Raises Refused, NoAnswer.
   */
  call(
    method: string,
    path: string,
    body?: object,
    options?: { key?: string; repeatMs?: number },
  ): Promise<any>;
  /** The bytes in pieces. Raises Refused, NoAnswer. */
  download(path: string): AsyncGenerator<Uint8Array, void, void>;
}

/**
 * Unanswered changes. They belong to the user who made them: they stay in the store when the
 * session ends, are sent when the same user is back, and are never sent as another user.
 */
export interface Outbox {
  readonly size: number;
  /**
   * Waits until everything is answered. If something is unsent, raises Unauthenticated when the
   * session has ended and NoAnswer after `close`.
   */
  empty(): Promise<void>;
}

/**
 * Get one from `Client.chat`. Changes are made in the order of the calls; each call returns when
 * its change is stored, and raises Refused if the server rejects it. After Unauthenticated (the
 * session has ended) and NoAnswer (the client was closed), the change is kept and sent when the
 * same user is back: do not call again.
 */
export class Chat {
  private constructor();
  readonly id: string;
  /** Whether `loadOlder` has more to load. */
  readonly hasOlder: boolean;
  /** The loaded messages and those received since, oldest first, each in its current state. */
  readonly messages: Message[];
  /** Loads the newest messages; from then on `messages` stays current. */
  load(limit?: number): Promise<Message[]>;
  /** Loads one more page before the oldest loaded message, or the newest page if there is none. */
  loadOlder(limit?: number): Promise<Message[]>;
  /** The chat as returned by `GET /api/chat/{id}`. */
  details(): Promise<any>;
  /**
   * `key` is a UUID; a second send with the same key has no effect and returns the first result. A
   * bot that derives it from what it answers (`replyKey`) answers once, however often it is
   * started.
   */
  send(
    text: string,
    options?: { replyTo?: string; mentions?: string[]; attachments?: string[]; key?: string },
  ): Promise<Sent>;
  /** Without `mentions` the message keeps its own. */
  edit(messageId: string, text: string, options?: { mentions?: string[] }): Promise<Sent>;
  /** Deletes the message for everybody, permanently. */
  delete(messageId: string): Promise<void>;
  react(messageId: string, emoji: string): Promise<void>;
  unreact(messageId: string, emoji: string): Promise<void>;
  /** Moves the user's read marker forward to this seq, on all devices. */
  read(upTo: number): Promise<void>;
  /** Marks the chat as unread from this seq on. */
  markUnread(seq: number): Promise<void>;
  /** Tells the others that the user is typing. Has no effect while disconnected. */
  typing(): void;
  add(...users: string[]): Promise<void>;
  remove(user: string): Promise<void>;
  leave(): Promise<void>;
  rename(name: string): Promise<void>;
  /**
   * For `send(text, {attachments: [file.id]})`. `onProgress` gets the sent part, from 0 to 1, in
   * browsers.
   */
  upload(
    name: string,
    data: Blob | ArrayBuffer | Uint8Array | string,
    options?: { key?: string; onProgress?: (part: number) => void; signal?: AbortSignal },
  ): Promise<File>;
  /** The file's bytes in pieces. */
  download(fileId: string): AsyncGenerator<Uint8Array, void, void>;
}

/** A deterministic key for the answer to an event. */
export function replyKey(event: { chat: string; seq: number }): Promise<string>;

export type ClientState = "idle" | "connecting" | "ready" | "waiting" | "stopped";

/**
 * A user's connection to Hubbub: reconnects, catches up, and sends pending changes. Create one with
 * `open`; then sign up or log in, unless the store already has a session.
 */
export class Client {
  private constructor();
  /** Continues the session in the store, if there is one. */
  static open(options?: Options): Promise<Client>;
  readonly rest: Rest;
  readonly outbox: Outbox;
  readonly state: ClientState;
  /** The user's id. Raises Unauthenticated without a session. */
  readonly user: string;
  /**
   * Ends the connection and the repeats of calls; unsent changes stay in the store, and their callers
   * get NoAnswer.
   */
  close(): Promise<void>;
  /** Creates an account and connects. Raises Refused, and Stopped if it is closed meanwhile. */
  signUp(wanted: {
    username: string;
    email: string;
    password?: string;
    invite?: string;
  }): Promise<void>;
  /** Connects. Raises InvalidCredentials, and Stopped if it is closed meanwhile. */
  logIn(wanted: { username: string; password: string }): Promise<void>;
  /** Ends the session; removes it and the user's unsent changes from the store. */
  logOut(): Promise<void>;
  /** Waits until the socket is ready. Raises the error that ended the client permanently. */
  untilReady(): Promise<void>;
  /** The network is back, or the user is looking: reconnects at once. */
  hurry(): void;
  /**
   * Yields each event once, in the order of each chat's seqs, across reconnects. An event counts as
   * processed when the next one is requested, by this loop or another: with a store, a restarted
   * program continues after it. A new loop ends an earlier one. Raises Stopped, or Unauthenticated if
   * the session has ended; Stopped with the code 1000 when the client is closed or has logged out.
   */
  events(): AsyncGenerator<Event | Restarted, void, void>;
  /**
   * Typing, presence, and actions of the user's other devices; missed while disconnected. Ends as
   * `events` do.
   */
  moments(): AsyncGenerator<Moment, void, void>;
  /** The chat with this id; always the same object. */
  chat(id: string): Chat;
  /**
   * The user's chats as returned by `GET /api/chat`, the newest message first: up to `limit`,
   * whatever the page size.
   */
  chats(limit?: number): Promise<any[]>;
  createChat(name: string, ...participants: string[]): Promise<Chat>;
  /** The direct chat of the two users, created if there is none. */
  directChat(user: string): Promise<Chat>;
  /** Profiles by id, at most 200. */
  users(...ids: string[]): Promise<any[]>;
  /**
   * Messages with these words, optionally only of a user or in a chat, newest first, and where the
   * next page begins.
   */
  search(
    text: string,
    options?: { chat?: string; by?: string; before?: string | null; limit?: number },
  ): Promise<{ messages: Message[]; next: string | null }>;
  /** The `applicationServerKey` for push notifications; null if the server sends none. */
  pushKey(): Promise<string | null>;
  /** Makes the server notify this browser of new messages while the session lasts. */
  savePush(
    subscription: { toJSON(): { endpoint?: string; keys?: Record<string, string> } },
    options?: { level?: "all" | "mentions"; silent?: boolean },
  ): Promise<void>;
  dropPush(): Promise<void>;
  /** From now on `moments` reports whether these users are online; replaces the previous list. */
  watch(...users: string[]): void;
  /** The seq up to which events of the chat have arrived. */
  cursor(chat: string): number;
  /** Sends a frame that gets no answer. False while disconnected: then nothing happens. */
  say(frame: { type: string; [field: string]: unknown }): boolean;
}

/** The base class of all errors of this package. */
export class HubbubError extends Error {}

/**
 * A refusal. `errors` lists the invalid fields or ids, if the server names them. For a message
 * refused over the socket, `status` is 0, `errors` is empty, and `message` names the field.
 */
export class Refused extends HubbubError {
  constructor(
    status: number,
    code: string,
    detail?: string,
    errors?: { field?: string; id?: string; detail: string }[],
    retryAfter?: number,
  );
  readonly status: number;
  readonly code: string;
  readonly errors: { field?: string; id?: string; detail: string }[];
  /** In seconds. */
  readonly retryAfter: number;
}

export class InvalidRequest extends Refused {}
export class UnknownUser extends Refused {}
/** The session has ended: log in again. Unsent changes are kept until then. */
export class Unauthenticated extends Refused {
  readonly final: true;
}
export class InvalidCredentials extends Refused {}
export class Forbidden extends Refused {}
export class SignupClosed extends Forbidden {}
/** There is none, or you are not in it. */
export class NotFound extends Refused {}
export class Conflict extends Refused {}
export class UsernameTaken extends Conflict {}
export class EmailTaken extends Conflict {}
export class LastOwner extends Conflict {}
export class TooLarge extends Refused {}
/** The same call may succeed later, after `retryAfter` seconds. */
export class Transient extends Refused {}
export class RateLimited extends Transient {}
export class Unavailable extends Transient {}

/** The connection broke before the answer. A repeat with the same key settles the outcome. */
export class NoAnswer extends HubbubError {
  readonly code: "unavailable";
  readonly retryAfter: number;
}

/** The server ended the socket with a code after which clients must not reconnect. */
export class Stopped extends HubbubError {
  constructor(code: number, reason?: string);
  readonly code: number;
  readonly reason: string;
}
