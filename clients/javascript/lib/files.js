/**
 * The bytes of files, to the server and from it, as a program wants them.
 */
import { NoAnswer, Refused } from "./errors.js";
import { refusalOf } from "./exchange.js";
import { newId } from "./ids.js";
import { upload } from "./upload.js";

const TIMEOUT_MS = 600_000;

/** What the server calls the file. With `onProgress` a browser says how much of it has left. */
export function sendFile(rest, path, data, { key = newId(), onProgress, signal } = {}) {
  return rest.repeat(() => rest.authorized(async (headers) => {
    const ending = signal ?? AbortSignal.timeout(TIMEOUT_MS);
    if (onProgress && globalThis.XMLHttpRequest) {
      return (await upload(rest.origin + path, data, { headers, onProgress, signal: ending })).file;
    }
    const response = await ask(rest, path, { method: "POST", headers, body: data, signal: ending });
    return (await response.json()).file;
  }, key));
}

/** The bytes in pieces. Raises Refused, NoAnswer. */
export async function* receiveFile(rest, path) {
  const response = await rest.authorized(
    (headers) => ask(rest, path, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) }),
  );
  try {
    for (const reader = response.body.getReader(); ;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw new NoAnswer(error.message);
  }
}

async function ask(rest, path, request) {
  try {
    const response = await rest.fetch(rest.origin + path, request);
    if (!response.ok) throw refusalOf(response, await response.json().catch(() => ({})));
    return response;
  } catch (error) {
    if (error instanceof Refused || error.name === "AbortError") throw error;
    throw new NoAnswer(error.message);
  }
}
