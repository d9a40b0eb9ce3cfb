/**
 * The id of a command: who issued it, and its key (`Idempotency-Key`, `webhook-id`). A key has no space, so the last space
 * separates the two, and no two pairs share an id.
 */
export function commandIdOf(issuer: string, key: string): string {
  return `${issuer} ${key}`;
}

/** An id with an issuer. Ids that were stored before issuers were kept are the key alone. */
export function hasIssuer(commandId: string): boolean {
  return commandId.includes(' ');
}

/** The key of an id, with or without an issuer. */
export function keyOf(commandId: string): string {
  return commandId.slice(commandId.lastIndexOf(' ') + 1);
}

/** Whether a stored id is that of this command: a stored id without an issuer matches any issuer. */
export function isSameCommand(stored: string, commandId: string): boolean {
  return stored === commandId || stored === keyOf(commandId);
}
