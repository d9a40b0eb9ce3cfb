import { sandboxPayments } from '../effects/payments/sandbox-payments.js';
import type { PaymentFact } from '../order/commands.js';
import type { Config } from '../server/config.js';
import { connectMongo } from '../server/connections.js';
import { isMongoOutage } from '../outages/mongo-outage.js';
import { asFailure, exitCodes, Failure } from './failure.js';

/**
 * Settles a pending payment at the sandbox provider.
 *
 * @param reference the key of the authorize effect
 * @returns what the provider's webhook is to tell
 * @throws Failure where it is not pending (any more), or the ledger cannot be reached
 */
export async function settleInLedger(
  config: Config,
  reference: string,
  outcome: PaymentFact['outcome'],
): Promise<PaymentFact> {
  const mongo = connectMongo(config);
  try {
    return await sandboxPayments(mongo.db).settlePending(reference, outcome);
  } catch (error) {
    if (isMongoOutage(error)) {
      throw new Failure(exitCodes.unavailable, {
        code: 'mongodb_unreachable',
        message:
          "MongoDB, which has the sandbox provider's ledger, cannot be reached: start it with `npm start`, or set MONGODB_URI",
      });
    }
    throw new Failure(exitCodes.refused, {
      code: 'payment_not_pending',
      message: asFailure(error).message,
    });
  } finally {
    await mongo.close();
  }
}
