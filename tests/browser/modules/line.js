/** A `Connection`; the rules play its server. */
import { Connection } from "/web/client/connection.js";
import { StandingClock, settle } from "./checks.js";
import { PlayedSocket } from "./played.js";

export class Socket extends PlayedSocket {
  static made = [];

  constructor(url, protocol) {
    super();
    Object.assign(this, { url, protocol });
    Socket.made.push(this);
  }

  end(code, reason = "") {
    this.onclose({ code, reason });
  }
}

export const READY = {
  type: "ready", protocol: "chat.v1", connection: "n", user: "u", epoch: "one", chats: {},
  behind: [], pingSeconds: 25, maxFrame: 65536,
};

export function line({
  WebSocket = Socket, random = () => 0.5, token, hello = () => ({ resume: { c: 7 } }),
  isWatched = false,
} = {}) {
  Socket.made = [];
  const clock = new StandingClock();
  const heard = { states: [], ready: [], frames: [] };
  const tokens = [];
  const connection = new Connection({
    WebSocket, url: "ws://here/ws", clock, random, hello,
    isWatched: () => isWatched,
    token: token ?? (async ({ renew }) => {
      tokens.push(renew);
      return `token ${tokens.length}`;
    }),
    hear: {
      state: (state, code) => heard.states.push(code ? `${state} ${code}` : state),
      ready: (frame, context) => heard.ready.push(context),
      frame: (frame) => heard.frames.push(frame.type),
    },
  });
  return { connection, clock, heard, tokens };
}

export async function open(parts) {
  parts.connection.open();
  await settle();
  const socket = Socket.made.at(-1);
  socket.onopen({});
  return socket;
}
