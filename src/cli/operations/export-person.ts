import type { Command } from 'commander';
import { apiPath } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { counted } from '../printing/terminal.js';
import { exitCodes, Failure } from '../script/failure.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/** The part of a customer's export that this script uses. */
interface Held {
  readonly sealedOrders: readonly string[];
}

/** Adds `export-person`: prints everything that is stored about a customer. */
export function addExportPerson(program: Command, session: Session): void {
  const command = addScript(program, 'export-person', {
    summary: 'print everything that is stored about a customer, as JSON',
    details:
      'For a subject access request. Personal values are opened; keep the file accordingly. The exit code is 4 if some ' +
      'could not be opened: `sealedOrders` names their orders.',
    examples: ['export-person c-1 > c-1.json'],
  }).argument('<customerId>', 'whose personal data');
  command.action(async (customerId: string) => {
    const options = command.optsWithGlobals<CommonOptions>();
    const held = await apiOf(session, options).get<Held>(apiPath`/v1/customers/${customerId}/export`);
    report(session, { ...options, json: true }, held, () => []);
    const { length: sealed } = held.sealedOrders;
    if (sealed === 0) return;
    const what = counted(sealed, 'order has', 'orders have');
    const message = `${what} values that could not be opened (sealedOrders): the key store is unavailable, or lacks their key`;
    throw new Failure(exitCodes.unavailable, { code: 'persons_sealed', message });
  });
}
