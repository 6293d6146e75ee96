/**
 * One request and its answer over HTTP, as JSON or as an error with a name.
 * Knows no route, no token and no repetition.
 */

/** The server understood and said no; `code` is stable (problem+json), `fields` says where. */
export class Refusal extends Error {
  constructor(status, problem, retryAfterSeconds) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code || "internal";
    this.fields = problem.errors || [];
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No answer, or one that leaves the outcome open (502, 503, 504). */
export class Unreachable extends Error {
  constructor(reason, retryAfterSeconds = 0) {
    super(reason);
    this.code = "unavailable";
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const OUTCOME_OPEN = new Set([502, 503, 504]);
const ANSWER_TIMEOUT_MS = 15_000;

/** The decoded answer of one request. Raises Refusal or Unreachable. */
export async function exchange(fetch, method, path, { body, headers = {} } = {}) {
  const request = {
    method,
    headers: { ...headers },
    credentials: "same-origin",
    cache: "no-store",
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  let answer;
  try {
    response = await fetch(path, request);
    answer = await response.text();
  } catch (error) {
    throw new Unreachable(error.message);
  }
  const retryAfterSeconds = Number(response.headers.get("Retry-After")) || 0;
  if (OUTCOME_OPEN.has(response.status)) {
    throw new Unreachable(`The server answered ${response.status}.`, retryAfterSeconds);
  }
  const value = decoded(answer);
  if (!response.ok) throw new Refusal(response.status, value, retryAfterSeconds);
  return value;
}

function decoded(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // whoever answered was not one of ours; the status says enough
  }
}
