/**
 * Ids that a client generates: keys of requests and of messages.
 */

/** A random UUID (version 4); `crypto.randomUUID` is missing on plain http in a LAN. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 12, 16, 20, 32].map((end, n, ends) => hex.slice(n ? ends[n - 1] : 0, end)).join("-");
}

/** The creation time of a UUIDv7 in Unix milliseconds (RFC 9562, first 48 bits). */
export function madeAt(id) {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
