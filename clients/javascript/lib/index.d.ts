/** The client of Hubbub for JavaScript programs and pages: see clients/javascript/README.md. */

/** Something that happened in a chat. `seq` counts from 1 without holes in each chat. */
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

/** What a page says of itself, to which a link in a message leads. */
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

/** A new chat, or one that the user was added to: then with the seq of the joining. */
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

/** A newer server has types that are not here: such an event takes its seq and changes nothing. */
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
 * The server's history is another one than before (a database was restored): what this program
 * keeps of the chat, or of all chats where `chat` is null, has to be read again.
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

/** Another device of the user changed what is the user's own of a chat. */
export interface ChatSettings {
  type: "mine";
  chat: string;
  notify: "all" | "mentions" | "none";
  archived: boolean;
}

export type Moment = Typing | Presence | ReadMarker | ChatSettings;

/** `users` are the first 100 of them, in the order in which they reacted. */
export interface Reaction {
  emoji: string;
  count: number;
  users: string[];
}

/** A message as it is now. A deleted one has no text, and `deletedAt` and `deletedBy`. */
export interface Message extends SentMessage {
  editedAt?: string;
  deletedAt?: string;
  deletedBy?: string;
  reactions?: Reaction[];
  previews?: LinkPreview[];
}

/**
 * Messages as they are after these events, which are the next of their chat; oldest first. Events
 * about other messages than these change nothing.
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

/** Where a client keeps what has to outlive the program. A value is kept when `put` has returned. */
export interface Store {
  get(name: string): Now<string | null>;
  put(name: string, value: string): Now<void>;
  remove(name: string): Now<void>;
  /** In the order in which they were first put. */
  names(beginning: string): Now<string[]>;
}

/** Ends with the program. */
export class MemoryStore implements Store {
  get(name: string): string | null;
  put(name: string, value: string): void;
  remove(name: string): void;
  names(beginning: string): string[];
}

/** A database of this browser. It has the refresh token: any script of the page can read it. */
export class BrowserStore implements Store {
  constructor(name?: string);
  get(name: string): Promise<string | null>;
  put(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
  names(beginning: string): Promise<string[]>;
}

export interface Options {
  /** The server's address; of a page its own, else "http://127.0.0.1:8000". */
  origin?: string;
  /** Without one everything begins anew with the program. */
  store?: Store;
  /** Where the platform has none. */
  WebSocket?: unknown;
  fetch?: typeof fetch;
  /** From 0 to 1; for tests. */
  random?: () => number;
  /** For tests. */
  clock?: { now(): number; after(ms: number, call: () => void): () => void };
}

/** What a session consists of. `expires` in Unix milliseconds. */
export interface Tokens {
  user: string;
  access: string;
  refresh: string;
  expires: number;
}

/** The REST calls of one session. */
export interface Rest {
  readonly origin: string;
  /** Null until somebody signs up or logs in, and when the session has ended. */
  readonly tokens: Tokens | null;
  /**
   * The answer's body. Bytes (a Blob, an ArrayBuffer or a view of one) go as they are, all else as
   * JSON. `key` makes a repeat of the program's own safe; one is made where there is none. Repeats
   * what may be repeated for `repeatMs`. Raises Refused, NoAnswer.
   */
  call(
    method: string,
    path: string,
    body?: object,
    options?: { key?: string; repeatMs?: number },
  ): Promise<any>;
}

/**
 * Changes without an answer. They belong to the user who made them: they stay in the store when the
 * session ends, go out when the same user is back, and are never sent as another user.
 */
export interface Outbox {
  readonly size: number;
  /**
   * Waits until everything is answered. Raises Unauthenticated where the session has ended and
   * NoAnswer after `close`, if something is unsent.
   */
  empty(): Promise<void>;
}

/**
 * Get one from `Client.chat`. Changes are made in the order of the calls; each call returns when its
 * change is stored, and raises Refused where the server will not have it. After Unauthenticated, when
 * the session has ended, and NoAnswer, when the client was closed, the change is kept and made when
 * the same user is back: do not call again.
 */
export class Chat {
  private constructor();
  readonly id: string;
  /** Whether `loadOlder` has more to bring. */
  readonly hasOlder: boolean;
  /** What was loaded and what came since, oldest first, each as it is now. */
  readonly messages: Message[];
  /** Begins with the newest messages; from then on `messages` stays current. */
  load(limit?: number): Promise<Message[]>;
  /** One more page before the oldest one that is here; the newest where nothing is. */
  loadOlder(limit?: number): Promise<Message[]>;
  /** The chat as `GET /api/chat/{id}` answers it. */
  details(): Promise<any>;
  /**
   * `key` is a UUID; a second send with the same one is the first. A bot that makes it of what it
   * answers (`replyKey`) answers once, however often it is started.
   */
  send(
    text: string,
    options?: { replyTo?: string; mentions?: string[]; attachments?: string[]; key?: string },
  ): Promise<Sent>;
  /** Without `mentions` those stay as they are. */
  edit(messageId: string, text: string, options?: { mentions?: string[] }): Promise<Sent>;
  /** For everybody, and for good. */
  delete(messageId: string): Promise<void>;
  react(messageId: string, emoji: string): Promise<void>;
  unreact(messageId: string, emoji: string): Promise<void>;
  /** Moves the user's read marker forward to this seq, on all devices. */
  read(upTo: number): Promise<void>;
  /** From this seq on. */
  markUnread(seq: number): Promise<void>;
  /** Tells the others that the user is typing. Nothing comes of it while unconnected. */
  typing(): void;
  add(...users: string[]): Promise<void>;
  remove(user: string): Promise<void>;
  leave(): Promise<void>;
  rename(name: string): Promise<void>;
  /**
   * For `send(text, {attachments: [file.id]})`. `onProgress` is told how much has left, from 0 to 1,
   * in browsers.
   */
  upload(
    name: string,
    data: Blob | ArrayBuffer | Uint8Array | string,
    options?: { key?: string; onProgress?: (part: number) => void; signal?: AbortSignal },
  ): Promise<File>;
  /** The file's bytes in pieces. */
  download(fileId: string): AsyncGenerator<Uint8Array, void, void>;
}

/** A key for the one answer to an event. */
export function replyKey(event: { chat: string; seq: number }): Promise<string>;

export type ClientState = "idle" | "connecting" | "ready" | "waiting" | "stopped";

/**
 * A user's connection to Hubbub: it stays, comes back, catches up, and sends what is to be sent.
 * Make one with `open`; sign up or log in then, unless the store has a session already.
 */
export class Client {
  private constructor();
  /** Goes on with the session that the store has, if there is one. */
  static open(options?: Options): Promise<Client>;
  readonly rest: Rest;
  readonly outbox: Outbox;
  readonly state: ClientState;
  /** The user's id. Raises Unauthenticated where there is no session. */
  readonly user: string;
  /** Ends the connection; what is unsent stays in the store, and whoever awaits it gets NoAnswer. */
  close(): Promise<void>;
  /** Makes an account and connects. Raises Refused. */
  signUp(wanted: {
    username: string;
    email: string;
    password?: string;
    invite?: string;
  }): Promise<void>;
  /** Connects. Raises InvalidCredentials. */
  logIn(wanted: { username: string; password: string }): Promise<void>;
  /** Ends the session; the store keeps nothing of it, nor what the user has not sent. */
  logOut(): Promise<void>;
  /** Waits until the socket is there. Raises what ended the client for good. */
  untilReady(): Promise<void>;
  /** The network is back, or somebody looks: no more waiting. */
  hurry(): void;
  /**
   * Each event once, in the order of each chat's seqs, over all ends of sockets. An event counts as
   * had when the next one is asked for: with a store a program that is started again goes on after
   * it. Raises Stopped, or Unauthenticated where the session has ended; Stopped with the code 1000
   * when the client is closed.
   */
  events(): AsyncGenerator<Event | Restarted, void, void>;
  /** Typing, presence, and what other devices of the user did; lost while away. Ends as `events` do. */
  moments(): AsyncGenerator<Moment, void, void>;
  /** The chat with this id; always the same object. */
  chat(id: string): Chat;
  /**
   * The user's chats as `GET /api/chat` answers them, the newest message first: as many as `limit`,
   * however many of them a page has.
   */
  chats(limit?: number): Promise<any[]>;
  createChat(name: string, ...participants: string[]): Promise<Chat>;
  /** The one that the two have, which is made where there is none. */
  directChat(user: string): Promise<Chat>;
  /** Profiles by id, at most 200. */
  users(...ids: string[]): Promise<any[]>;
  /**
   * Messages with these words, of a user or in a chat where one is given, newest first, and where the
   * next page begins.
   */
  search(
    text: string,
    options?: { chat?: string; by?: string; before?: string | null; limit?: number },
  ): Promise<{ messages: Message[]; next: string | null }>;
  /** The `applicationServerKey` for push notifications; null where the server sends none. */
  pushKey(): Promise<string | null>;
  /** The server tells this browser of new messages for as long as the session lasts. */
  savePush(
    subscription: { toJSON(): { endpoint?: string; keys?: Record<string, string> } },
    options?: { level?: "all" | "mentions"; silent?: boolean },
  ): Promise<void>;
  dropPush(): Promise<void>;
  /** From now on `moments` tells whether they are online; replaces the ones before. */
  watch(...users: string[]): void;
  /** The seq up to which events of the chat have come. */
  cursor(chat: string): number;
  /** A frame for which no answer is awaited. False while unconnected: then nothing happens. */
  say(frame: { type: string; [field: string]: unknown }): boolean;
}

/** The root of everything that this package raises by itself. */
export class HubbubError extends Error {}

/** A refusal. `errors` lists what is wrong with which field or id, where the server says so. */
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

/** The server ended the socket with a code after which no client comes back. */
export class Stopped extends HubbubError {
  constructor(code: number, reason?: string);
  readonly code: number;
  readonly reason: string;
}
