import { withoutSecrets } from '../redaction.js';

/** The message of a caught value, whether it is an `Error` or not. Secrets are hidden. */
export function messageOf(error: unknown): string {
  return withoutSecrets(error instanceof Error ? error.message : String(error));
}
