/**
 * Uploads and downloads of files for programs.
 */
import { NoAnswer, Refused } from "./errors.js";
import { refusalOf } from "./exchange.js";
import { newId } from "./ids.js";
import { upload } from "./upload.js";

const TIMEOUT_MS = 600_000;

/**
 * Uploads; returns the server's description. With `onProgress` a browser reports the sent part.
 * Repeats end with the session, as those of `Rest.call`.
 */
export function sendFile(rest, path, data, { key = newId(), onProgress, signal } = {}) {
  const user = rest.tokens?.user;
  return rest.repeat(() => rest.authorized((headers) => reached(async () => {
    const ending = signal ?? AbortSignal.timeout(TIMEOUT_MS);
    if (onProgress && globalThis.XMLHttpRequest) {
      return (await upload(rest.origin + path, data, { headers, onProgress, signal: ending })).file;
    }
    const response = await ask(rest, path, { method: "POST", headers, body: data, signal: ending });
    return (await response.json()).file;
  }, signal), key, user));
}

/** The bytes in pieces. Raises Refused, NoAnswer. */
export async function* receiveFile(rest, path) {
  const user = rest.tokens?.user;
  const response = await rest.repeat(() => rest.authorized((headers) => reached(
    () => ask(rest, path, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) }),
  ), undefined, user));
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { value, done } = await reached(() => reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // a reader that stops needs no connection
  }
}

async function ask(rest, path, request) {
  const response = await rest.fetch(rest.origin + path, request);
  if (!response.ok) throw refusalOf(response, await response.json().catch(() => ({})));
  return response;
}

/**
 * The result of `work()`. Raises NoAnswer if the connection breaks, but not for the program's own
 * signal.
 */
async function reached(work, signal) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused || signal?.aborted) throw error;
    throw new NoAnswer(error.message);
  }
}
