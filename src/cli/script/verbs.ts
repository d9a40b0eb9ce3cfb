import { commands } from '../../api/commands/table.js';
import { followUpTypes, segments } from '../../order/commands.js';

const verbsBySegment = new Map<string, string>(
  followUpTypes.map((type) => [segments[type], commands[type].verb]),
);

/**
 * The name of the script for a command in `allowedCommands`: `ship` for `shipments`. A command to a
 * webhook endpoint is there by its type: `rotate-secret` for `RotateSecret`.
 */
export function verbOf(command: string): string {
  const verb = verbsBySegment.get(command) ?? command.replace(/Endpoint$/, '');
  return verb.replaceAll(/\B[A-Z]/g, '-$&').toLowerCase();
}
