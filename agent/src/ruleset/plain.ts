// ruleset/plain: text of the model as it may stand in the table. nft has no escapes in quoted strings, so characters
// that could end one become "?". The kernel gets the same text.
import type { Rule } from './model.ts';

/**
 * Longest log prefix, device name and other name that nft accepts (NF_LOG_PREFIXLEN; IFNAMSIZ; NFT_NAME_MAXLEN is 256).
 * A comment has one character less than nft accepts (NFTNL_UDATA_COMMENT_MAXLEN; ruleset/encode/userdata).
 */
const LONGEST = { text: 127, comment: 126, device: 15, name: 127 };

/** A quote ends the string, a final star of a device name is a wildcard, even after a backslash. */
export function plainText(text: string, longest = LONGEST.text): string {
  return text.replace(/[^A-Za-z0-9 _.:;,'@+!?=/()-]/g, '?').slice(0, longest) || '?';
}

export function deviceText(name: string): string {
  return plainText(name, LONGEST.device);
}

export function commentText({ comment }: Rule): string {
  let text = comments.get(comment);
  if (text === undefined) {
    text = plainText(`!whp: ${comment}`, LONGEST.comment);
    comments.set(comment, text);
  }
  return text;
}

/** Some hundred rules have some hundred comments, the same ones after each reload. */
const comments = new Map<string, string>();

/** The name of a set, a chain or a counter. */
export function word(text: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(text)) return text;
  return `x${text.replace(/[^A-Za-z0-9_]/g, '_')}`.slice(0, LONGEST.name);
}
