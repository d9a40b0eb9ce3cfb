/**
 * The id of a command: its issuer and its key (`Idempotency-Key`, `webhook-id`). A key has no
 * space, so the last space separates the two, and different pairs have different ids.
 */
export function commandIdOf(issuer: string, key: string): string {
  return `${issuer} ${key}`;
}

/** Whether the id names its issuer. An early version of this code stored the key alone. */
export function hasIssuer(commandId: string): boolean {
  return commandId.includes(' ');
}

/** The key in an id, whether or not the id names an issuer. */
export function keyOf(commandId: string): string {
  return commandId.slice(commandId.lastIndexOf(' ') + 1);
}

/** Whether a stored id is this command's; a stored id without an issuer matches any issuer. */
export function isSameCommand(stored: string, commandId: string): boolean {
  return stored === commandId || stored === keyOf(commandId);
}
