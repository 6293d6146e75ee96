/**
 * Uploads the bytes of one file and reports progress. Repeats nothing.
 */
import { NoAnswer } from "./errors.js";
import { refusalOf } from "./exchange.js";

const STALLED_MS = 75_000; // longer than the balancer waits for an answer

/**
 * The decoded answer. `onProgress(part)` gets 0 to 1; `signal` aborts it. Raises Refused or
 * NoAnswer, and AbortError if it was aborted.
 */
export function upload(path, body, { headers, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not report upload progress
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.responseType = "json";
    const began = performance.now();
    request.timeout = STALLED_MS;
    request.upload.onprogress = ({ loaded, total }) => {
      request.timeout = performance.now() - began + STALLED_MS; // counts from the beginning
      onProgress(total > 0 ? loaded / total : 0);
    };
    request.onerror = request.ontimeout = () => reject(new NoAnswer("The connection broke."));
    request.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    request.onload = () => {
      const { status, response } = request;
      const said = { get: (name) => request.getResponseHeader(name) };
      if (status >= 400) reject(refusalOf({ status, headers: said }, response ?? {}));
      else if (!response) reject(new NoAnswer("What came is no JSON."));
      else resolve(response);
    };
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) request.onabort(); // no event comes before `send`
    else request.send(body);
  });
}
