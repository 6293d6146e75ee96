/**
 * Sizes and kinds of files in words.
 */

const UNITS = ["bytes", "kB", "MB", "GB"];
const KINDS = {
  "application/pdf": "PDF", "application/zip": "ZIP", "image/png": "PNG", "image/jpeg": "JPEG",
  "image/gif": "GIF", "image/webp": "WebP", "image/avif": "AVIF", "video/mp4": "Video",
  "video/webm": "Video", "audio/ogg": "Audio", "audio/mpeg": "Audio", "audio/wav": "Audio",
  "audio/flac": "Audio",
};

/** "1 byte", "812 bytes", "1.2 MB". */
export function sizeInWords(bytes) {
  let unit = 0;
  let size = bytes;
  while (size >= 1_000 && unit < UNITS.length - 1) {
    size /= 1_024;
    unit += 1;
  }
  if (size === 1 && unit === 0) return "1 byte";
  const digits = unit > 0 && size < 10 ? 1 : 0;
  return `${size.toLocaleString(undefined, { maximumFractionDigits: digits })} ${UNITS[unit]}`;
}

/** "PDF, 1.2 MB". */
export function kindAndSize({ type, size }) {
  const kind = KINDS[type] ?? (type.startsWith("text/") ? "Text" : "File");
  return `${kind}, ${sizeInWords(size)}`;
}
