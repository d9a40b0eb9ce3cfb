import { type Command, Option } from 'commander';
import { Webhook } from 'standardwebhooks';
import type { OrderEvent } from '../order/events.js';
import { exitCodes, Failure, usageFailure } from './failure.js';
import { eventsOf } from './follow.js';
import { addScript } from './options.js';
import { report } from './query-commands.js';
import { type CommonOptions, configOf, type Session } from './session.js';

interface SettleOptions extends CommonOptions {
  readonly authorized?: true;
  readonly declined?: true;
}

/** Adds `settle`: the sandbox provider's side of a payment with `tok_pending`. */
export function addSettleCommand(program: Command, session: Session): void {
  const command = addScript(program, 'settle', {
    summary: 'settle a sandbox payment with tok_pending',
    details: 'The provider decides, and tells by its signed webhook.',
    examples: ['create --payment tok_pending --id p-1', 'settle p-1 --authorized'],
  })
    .argument('<orderId>', 'the order')
    .addOption(new Option('--authorized', 'the customer agreed').conflicts('declined'))
    .addOption(new Option('--declined', 'the customer did not'));
  command.action(async (orderId: string) => {
    const options = command.optsWithGlobals<SettleOptions>();
    const outcome = options.authorized === true ? 'authorized' : 'declined';
    if (outcome === 'declined' && options.declined !== true)
      throw usageFailure('say how it ends: --authorized or --declined');
    const config = configOf(session);
    // Loaded when they are needed, as MongoDB's driver takes its time.
    const [{ openSides }, { settleInLedger }] = await Promise.all([
      import('./sides.js'),
      import('./sandbox-ledger.js'),
    ]);
    // The ledger is asked here and the webhook goes to the API: both are of one system.
    const { api, close } = await openSides(session, options);
    await close();
    const reference = pendingReference(await eventsOf(api, orderId), orderId);
    const fact = await settleInLedger(config, reference, outcome);
    const { outcome: _, ...data } = fact;
    const body = JSON.stringify({ type: `payment.${outcome}`, data: { orderId, ...data } });
    // The same message again is known as such by its id.
    const headers = signature(config.secrets.paymentsWebhook, `settled:${reference}`, body);
    await api.post('/v1/webhooks/payments', body, headers);
    report(session, options, fact, () => [
      `order ${orderId} · payment ${fact.authorizationId} ${fact.outcome}`,
    ]);
  });
}

/** The key of the authorization that is pending: what caused its event. */
function pendingReference(events: readonly OrderEvent[], orderId: string): string {
  const pending = events.findLast((event) => event.type === 'PaymentPending');
  if (pending !== undefined) return pending.causationId;
  throw new Failure(exitCodes.refused, {
    code: 'payment_not_pending',
    message: `order ${orderId} has no payment that is pending: place one with --payment tok_pending`,
  });
}

/** Headers by https://www.standardwebhooks.com */
function signature(secret: string, id: string, body: string): Readonly<Record<string, string>> {
  const now = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, now, body),
  };
}
