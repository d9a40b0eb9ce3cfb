import { type Command, Option } from 'commander';
import { Webhook } from 'standardwebhooks';
import type { PaymentFact } from '../../order/commands.js';
import type { OrderEvent } from '../../order/events.js';
import { apiOf } from '../connections/api-address.js';
import { withMongo } from '../connections/databases.js';
import { refuseOtherSystem } from '../connections/gateway.js';
import { eventsOf } from '../connections/order-events.js';
import { exitCodes, Failure, usageFailure } from '../script/failure.js';
import { addScript, type CommonOptions, configOf, report, type Session } from '../script/script.js';

interface SettleOptions extends CommonOptions {
  readonly authorized?: true;
  readonly declined?: true;
}

/** Adds `settle`: settles a payment with `tok_pending`, as the sandbox provider would. */
export function addSettle(program: Command, session: Session): void {
  const command = addScript(program, 'settle', {
    summary: 'settle a pending sandbox payment (`tok_pending`)',
    details: 'Decides as the provider would, and sends its signed webhook.',
    examples: ['create --payment tok_pending --id p-1', 'settle p-1 --authorized'],
  })
    .argument('<orderId>', 'the order')
    .addOption(new Option('--authorized', 'the customer agreed').conflicts('declined'))
    .addOption(new Option('--declined', 'the customer did not'));
  command.action(async (orderId: string) => {
    const options = command.optsWithGlobals<SettleOptions>();
    const { authorized = false, declined = false } = options;
    if (!authorized && !declined) throw usageFailure('say how it ends: --authorized or --declined');
    const outcome = authorized ? 'authorized' : 'declined';
    const config = configOf(session);
    // With a key it checks nothing, but the ledger of another system has no such payment.
    await refuseOtherSystem(session, options);
    const api = apiOf(session, options);
    const reference = pendingReference(await eventsOf(api, orderId), orderId);
    const fact = await settleInLedger(session, reference, outcome);
    const { outcome: _, ...data } = fact;
    const body = JSON.stringify({ type: `payment.${outcome}`, data: { orderId, ...data } });
    // If the webhook is sent again, it has the same id, so the API recognizes the repetition.
    const headers = signature(config.secrets.paymentsWebhook[0], `settled:${reference}`, body);
    await api.postSigned('/v1/webhooks/payments', body, headers);
    report(session, options, fact, () => [
      `order ${orderId} · payment ${fact.authorizationId} ${fact.outcome}`,
    ]);
  });
}

/** The key of the effect that authorizes the pending payment: the cause of `PaymentPending`. */
function pendingReference(events: readonly OrderEvent[], orderId: string): string {
  const pending = events.findLast((event) => event.type === 'PaymentPending');
  if (pending !== undefined) return pending.causationId;
  throw new Failure(exitCodes.refused, {
    code: 'payment_not_pending',
    message: `order ${orderId} has no payment that is pending: place one with --payment tok_pending`,
  });
}

/** The headers that sign a webhook (https://www.standardwebhooks.com). */
function signature(secret: string, id: string, body: string): Readonly<Record<string, string>> {
  const now = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, now, body),
  };
}

/**
 * Settles a pending payment at the sandbox provider.
 *
 * @param reference the key of the authorize effect
 * @returns the webhook that the provider then sends
 * @throws Failure if the payment is not pending, or the ledger cannot be reached
 */
async function settleInLedger(
  session: Session,
  reference: string,
  outcome: PaymentFact['outcome'],
): Promise<PaymentFact> {
  const [{ sandboxPayments }, { PaymentNotPending }] = await Promise.all([
    import('../../effects/payments/sandbox-payments.js'),
    import('../../effects/payments/sandbox-outcomes.js'),
  ]);
  const settling = withMongo(
    session,
    async ({ db }) => await sandboxPayments(db).settlePending(reference, outcome),
  );
  return await settling.catch((error: unknown) => {
    if (!(error instanceof PaymentNotPending)) throw error;
    throw new Failure(exitCodes.refused, { code: 'payment_not_pending', message: error.message });
  });
}
