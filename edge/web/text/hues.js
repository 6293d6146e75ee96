/**
 * A colour for each person and chat, the same everywhere.
 */

/** The hue of an id, from 0 to 359, the same everywhere. */
export function hueOf(id) {
  let hash = 2166136261; // FNV-1a, 32 bits
  for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  return (hash >>> 0) % 360;
}
