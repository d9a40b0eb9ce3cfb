import { messageOf } from '../outages/message-of.js';

/**
 * A new error with the message of the given one, but with `***` in place of the personal texts.
 * They are found in upper and lower case, and also as a URL encodes them. Temporal stores the
 * errors of steps, and they stay there when a customer is forgotten. The new error has no `cause`,
 * because a cause may contain the texts.
 */
export function redacted(error: unknown, texts: readonly string[]): Error {
  const forms = texts
    .filter((text) => text !== '')
    .flatMap((text) => [text, encodeURIComponent(text), encodeURIComponent(text).replaceAll('%20', '+')])
    // The longest text comes first, because one text may be a part of another.
    .toSorted((one, other) => other.length - one.length)
    .map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  const message = messageOf(error);
  return new Error(
    forms.length === 0 ? message : message.replaceAll(new RegExp(forms.join('|'), 'gi'), '***'),
  );
}
