import { endpointViews, enabledEndpoints } from '../../delivery/webhooks/endpoints.js';
import { kafkaRows } from '../../delivery/kafka/publishing-progress.js';
import { subscriptionRows, waitingRows } from '../../delivery/webhooks/rows.js';
import { byRequest } from '../../endpoint/endpoint.js';
import { eventId } from '../../log/event-id.js';
import { committedInTime } from '../../mongodb/durability.js';
import { oldest, pageFilter, type SourceRow } from '../cursor.js';
import type { Source } from '../source.js';

/** Events that a webhook endpoint has refused for three days. */
export const parkedDeliveries: Source = async ({ db, before, after, limit }) => {
  const found = await waitingRows(db)
    .find(pageFilter('parkedAt', before, after), committedInTime)
    .sort({ parkedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: id, endpointId, orderId, version, type, attempts, failure, parkedAt }) => ({
    id,
    row: {
      orderId,
      code: 'delivery_parked',
      since: parkedAt ?? '',
      detail: `the webhook endpoint ${endpointId} did not take version ${version}, ${type}, in ${attempts} attempts: ${failure ?? ''}; later events of the order wait`,
      remedy: `npx orders webhooks retry ${endpointId} ${eventId({ orderId, version })}, once the receiver takes it`,
    },
  }));
};

/** Endpoints that were disabled for another reason than an operator's request. */
export const disabledEndpoints: Source = async ({ db, before, after, limit }) => {
  const filter = { finished: false, status: 'disabled', disabledBecause: { $ne: byRequest } };
  const found = await endpointViews(db)
    .find(pageFilter('updatedAt', before, after, filter), committedInTime)
    .sort({ updatedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: id, state: { url, updatedAt, disabledBecause = '' } }) => ({
    id,
    row: {
      code: 'endpoint_disabled',
      since: updatedAt,
      detail: `nothing is delivered to the webhook endpoint ${id}, ${url}: ${disabledBecause}`,
      remedy: `npx orders webhooks enable ${id}, once the receiver takes events; or npx orders webhooks delete ${id}`,
    },
  }));
};

/** Endpoints, and the topic of Kafka, to which nothing could be delivered for too long. */
export const failingSubscriptions: Source = async ({ db, kafka, overdueBefore, after, limit }) => {
  const [topics, endpoints] = await Promise.all([
    kafka === undefined
      ? []
      : kafkaRows(db)
          .find(
            pageFilter('health.failingSince', overdueBefore, after, { _id: kafka.topic }),
            committedInTime,
          )
          .toArray(),
    subscriptionRows(db)
      .find(pageFilter('health.failingSince', overdueBefore, after), committedInTime)
      .sort({ 'health.failingSince': 1, _id: 1 })
      .toArray(),
  ]);
  const enabled = new Set(await endpointViews(db).distinct('_id', enabledEndpoints, committedInTime));
  const ofTopics = topics.map(({ _id: id, health: { failingSince = '', failure = '' } }): SourceRow => {
    const detail = `nothing is published in the topic ${id} of Kafka: ${failure}`;
    const remedy = 'it is retried automatically; npx orders subscriptions shows its progress';
    return { id, row: { code: 'subscription_failing', since: failingSince, detail, remedy } };
  });
  const ofEndpoints = endpoints
    .filter(({ _id }) => enabled.has(_id))
    .map(({ _id: id, health: { failingSince = '', failures } }): SourceRow => {
      const detail = `the webhook endpoint ${id} has refused ${failures} attempts in a row`;
      const remedy = `it is retried automatically; npx orders webhooks deliveries ${id} shows its answers`;
      return { id, row: { code: 'subscription_failing', since: failingSince, detail, remedy } };
    });
  return oldest([...ofTopics, ...ofEndpoints], limit);
};
