/** At least one visible character: a letter, digit, punctuation mark or symbol. */
const visible = '(?=[\\s\\S]*[\\p{L}\\p{N}\\p{P}\\p{S}])';

/** An id of an order or a customer. */
export const idPattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';

/** One line of text, such as a tag. */
export const linePattern = `^${visible}[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\ud800-\\udfff]*$`;

/** The greatest length of a tag, in characters. */
export const MAX_TAG_LENGTH = 64;

/** Text of several lines, such as a note. */
export const textPattern = `^${visible}[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\ud800-\\udfff]*$`;
