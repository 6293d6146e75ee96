/**
 * One request and its answer over HTTP, as JSON or as an error with a name.
 * Knows no route, no token and no repetition.
 */
import { NoAnswer, refusal } from "./errors.js";

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * The decoded answer of one request; bytes go as they are, all else as JSON. Raises Refused or
 * NoAnswer.
 */
export async function exchange(fetch, method, path, { body, headers = {} } = {}) {
  const request = {
    method,
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
  if (!value) throw new NoAnswer("What came is no JSON.");
  return value;
}

/** The error that a response with a status from 400 on stands for. */
export function refusalOf({ status, headers }, problem) {
  return refusal(status, problem, Number(headers.get("Retry-After")) || 0);
}

function isBytes(body) {
  return body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
}

function decoded(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return undefined; // whoever answered was not one of ours
  }
}
