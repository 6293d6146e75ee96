/**
 * Whether a picture contains its location: a JPEG, WebP or PNG whose Exif has a GPS directory.
 */

const LOOKED_AT_BYTES = 256 * 1024; // Exif is at the beginning
const GPS_TAG = 0x8825;
/** The markers of Exif in JPEG and AVIF, PNG, and WebP, and the offset of the data after them. */
const MARKS = [["Exif\0\0", 6], ["eXIf", 4], ["EXIF", 8]].map(([text, length]) => (
  { bytes: [...text].map((letter) => letter.charCodeAt(0)), length }
));

/** Also false if the file cannot be read. */
export async function hasPlace(file) {
  try {
    return placeIn(await file.slice(0, LOOKED_AT_BYTES).arrayBuffer());
  } catch {
    return false;
  }
}

/** The same for the bytes. */
export function placeIn(buffer) {
  const bytes = new Uint8Array(buffer);
  for (let at = 0; at < bytes.length; at += 1) {
    for (const mark of MARKS) {
      if (!mark.bytes.every((byte, n) => bytes[at + n] === byte)) continue;
      const start = at + mark.length;
      if (start < bytes.length && hasGps(new DataView(buffer, start))) return true;
    }
  }
  return false;
}

/** A TIFF header, and in its first directory the tag that leads to GPS. */
function hasGps(view) {
  if (view.byteLength < 14) return false;
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return false;
  const isLittle = order === 0x4949;
  if (view.getUint16(2, isLittle) !== 42) return false;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > view.byteLength) return false;
  const count = view.getUint16(directory, isLittle);
  for (let n = 0; n < count; n += 1) {
    const entry = directory + 2 + 12 * n;
    if (entry + 12 > view.byteLength) return false;
    if (view.getUint16(entry, isLittle) === GPS_TAG) return true;
  }
  return false;
}
