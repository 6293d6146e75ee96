/**
 * One request and its answer over HTTP, as JSON or as an error with a name. Knows no routes, tokens
 * or retries.
 */
import { HubbubError, NoAnswer, refusal } from "./errors.js";

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * The decoded answer of one request; bytes are sent unchanged, everything else as JSON. With
 * `keepalive` the request outlives the page. Raises Refused or NoAnswer.
 */
export async function exchange(fetch, method, path, { body, headers = {}, keepalive = false } = {}) {
  const request = {
    method,
    keepalive,
    headers: { ...headers },
    credentials: "same-origin",
    cache: "no-store",
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  };
  if (isBytes(body)) request.body = body;
  else if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  let answer;
  try {
    response = await fetch(path, request);
    answer = await response.text();
  } catch (error) {
    throw new NoAnswer(error.message);
  }
  const value = decoded(answer);
  if (!response.ok) throw refusalOf(response, value);
  if (!value && response.headers.has("Content-Disposition")) {
    throw new HubbubError(`${path} answers with bytes: use rest.download.`);
  }
  if (!value) throw new NoAnswer("What came is no JSON.");
  return value;
}

/** The error for a response with a status of 400 or above. A date in Retry-After is no time. */
export function refusalOf({ status, headers }, problem) {
  const named = headers.get("Retry-After");
  return refusal(status, problem, /^\d+$/.test(named) ? Number(named) : 0);
}

function isBytes(body) {
  return body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
}

function decoded(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return undefined; // the answer was not Hubbub's
  }
}
