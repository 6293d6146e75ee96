/**
 * Messages of emoji.
 */

const FEW_EMOJI = /^(?:\p{RGI_Emoji}\s*){1,3}$/v;

/** One to three emoji and nothing else. */
export function isEmojiAlone(text) {
  return text.length < 100 && FEW_EMOJI.test(text);
}
