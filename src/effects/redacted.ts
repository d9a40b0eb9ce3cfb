import { messageOf } from '../outages/message-of.js';

/**
 * An error with the message of another one, in which `***` replaces personal texts, in upper or
 * lower case, and also where a URL has encoded them. Temporal stores errors of steps, and
 * forgetting does not reach them. The error has no `cause`, because a cause may contain the texts.
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
