import { commands } from '../../api/commands/table.js';
import { followUpTypes, segments } from '../../order/commands.js';

const verbsBySegment = new Map<string, string>(
  followUpTypes.map((type) => [segments[type], commands[type].verb]),
);

/** The name of the script for a command in `allowedCommands`: `ship` for `shipments`. */
export function verbOf(segment: string): string {
  return verbsBySegment.get(segment) ?? segment;
}
