import { setTimeout } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Db } from 'mongodb';
import { type ForgettingRow, latestForgetting } from '../../forgetting/forgettings.js';
import type { OpenOrders } from '../../forgetting/messages.js';
import type { ForgetRequest, Requested } from '../../forgetting/request.js';
import { commandIdOf } from '../../log/workflow/command-id.js';
import { CreateHeaders } from '../schemas/command.js';
import { ForgettingAnswer, forgettingAnswer, noCustomer } from '../schemas/forgetting.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { closed, CustomerPath, Name, Text } from '../schemas/values.js';
import type { Http } from '../http.js';
import { hashOf } from '../../log/gateway/derived-ids.js';
import { metaOf, preferencesOf } from './request.js';

export interface PersonalDataCommandDeps {
  readonly db: Db;
  /** see `requestForgetting`; needs Temporal and MongoDB */
  readonly startForgetting: (asked: Omit<ForgetRequest, 'keyInUseMs'>) => Promise<Requested>;
}

const LOOK_EVERY_MS = 100;

/** Forgets a customer's personal data. */
export function registerPersonalDataCommands(
  app: Http,
  { db, startForgetting }: PersonalDataCommandDeps,
): void {
  app.post(
    '/v1/customers/:customerId/forget',
    {
      config: { access: 'persons:erase' },
      schema: {
        summary: 'Forget the personal data of a customer',
        description:
          'Destroys the keys under which the personal data is sealed, notes it in each of the orders, checks every place that ' +
          'held the values, and signs a certificate of that. It takes some seconds, and continues by itself: ask again ' +
          'with `GET`, or wait with `Prefer: wait`. Open orders are refused, or waited for. A later order of this ' +
          'customer id is under a new key.',
        tags: ['persons'],
        headers: CreateHeaders,
        params: CustomerPath,
        body: closed({
          reason: Text,
          lawfulBasis: Type.Optional(Name),
          whenFinished: Type.Optional(
            Type.Boolean({ description: 'wait until each order is finished, however long that takes' }),
          ),
        }),
        response: {
          200: ForgettingAnswer,
          202: ForgettingAnswer,
          ...problemResponses(400, 404, 409, 413, 415, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const { customerId } = request.params;
      const { reason, lawfulBasis, whenFinished = false } = request.body;
      const { waitSeconds = 0 } = preferencesOf(request);
      const { issuer, key, correlationId, actor, onBehalfOf } = metaOf(request);
      const basis = lawfulBasis === undefined ? {} : { lawfulBasis };
      const requested = await startForgetting({
        customerId,
        reason,
        ...basis,
        whenFinished,
        commandId: commandIdOf(issuer, key),
        hash: hashOf({ type: 'ForgetPerson', customerId, reason, ...basis, whenFinished }),
        correlationId,
        actor,
        ...(onBehalfOf !== undefined && { onBehalfOf }),
      });
      if (requested.kind !== 'accepted') throw problemOf(requested, customerId, key);
      // A request that only waits gives its slot to another.
      if (waitSeconds > 0) request.leave();
      const row = await untilDone(db, requested.row, waitSeconds * 1_000);
      if (row.status === 'refused') throw openOrdersProblem(row.open);
      if (requested.replayed) reply.header('idempotent-replayed', 'true');
      return await reply.code(row.status === 'forgotten' ? 200 : 202).send(forgettingAnswer(row));
    },
  );
}

/** Waits until the forgetting is done, or the time is up. Returns its row. */
async function untilDone(db: Db, row: ForgettingRow, withinMs: number): Promise<ForgettingRow> {
  const giveUpAt = Date.now() + withinMs;
  let latest = row;
  while (!isDone(latest) && Date.now() < giveUpAt) {
    await setTimeout(LOOK_EVERY_MS);
    latest = (await latestForgetting(db, row.customerId)) ?? row;
  }
  return latest;
}

/** Whether the forgetting has ended: the person is forgotten, or it was refused. */
function isDone({ status }: ForgettingRow): boolean {
  return status === 'forgotten' || status === 'refused';
}

function problemOf(
  requested: Exclude<Requested, { readonly kind: 'accepted' }>,
  customerId: string,
  key: string,
): HttpProblem {
  switch (requested.kind) {
    case 'open':
      return openOrdersProblem(requested.open);
    case 'unknown_customer':
      return noCustomer(customerId);
    case 'another_ends': {
      const detail = 'An earlier forgetting of this customer is being completed. Try again soon.';
      return new HttpProblem(503, 'forgetting_ends', detail);
    }
    case 'key_reused':
      return new HttpProblem(422, 'key_reused', `The key ${key} was used with another body. Use a new key.`);
    default:
      return requested satisfies never;
  }
}

function openOrdersProblem({ count, orderIds }: OpenOrders = { count: 0, orderIds: [] }): HttpProblem {
  const more = count > orderIds.length ? ` and ${count - orderIds.length} more` : '';
  const detail =
    `Orders that are not finished: ${orderIds.join(', ')}${more}. ` +
    'Finish or cancel them, or forget the customer when they are finished (whenFinished).';
  return new HttpProblem(409, 'orders_open', detail);
}
