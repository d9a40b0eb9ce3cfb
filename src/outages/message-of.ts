import { withoutSecrets } from '../redaction.js';

/** The message of a caught value, which need not be an `Error`. Secrets are hidden. */
export function messageOf(error: unknown): string {
  return withoutSecrets(error instanceof Error ? error.message : String(error));
}
