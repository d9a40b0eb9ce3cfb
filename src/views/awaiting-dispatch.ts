import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { type AsOf, readView } from '../log/views/read-view.js';
import { type Body, closed, Instant, type Page, pageOf, type ViewQuery, viewQuery } from './query.js';
import type { PerOrderFeedView } from './order-feed-view.js';

/** A shipment that was created, and is not dispatched yet. */
const awaiting = {
  orderId: Type.String(),
  shipmentId: Type.String(),
  customer: closed({ id: Type.String(), name: Type.String() }),
  lines: Type.Array(closed({ sku: Type.String(), quantity: Type.Integer() })),
  since: Instant,
  held: Type.Boolean({ description: 'whether the order is on hold' }),
  holdReason: Type.Optional(Type.String()),
};

export type AwaitingShipment = Body<typeof awaiting>;

/**
 * The document of an order with waiting shipments; other orders have none. A cancelled order has no
 * waiting shipments, because they are cancelled with it.
 */
interface AwaitingOrder extends Pick<AwaitingShipment, 'customer' | 'held' | 'holdReason'> {
  /** in the order of their creation; at least one */
  readonly shipments: readonly Pick<AwaitingShipment, 'shipmentId' | 'lines' | 'since'>[];
}

const queries: readonly ViewQuery[] = [
  viewQuery({
    path: '/v1/views/awaiting-dispatch',
    summary: 'Shipments that wait for dispatch, the oldest first',
    description: 'A shipment of an order on hold waits, too, and cannot be dispatched before the release.',
    filters: { held: 'flag', sku: 'sku' },
    pageSize: { byDefault: 50, atMost: 200 },
    body: {
      data: Type.Array(closed(awaiting)),
    },
    async run(db, { filters: { held, sku }, page }) {
      const { found, asOf } = await listAwaitingDispatch(db, {
        ...(held !== undefined && { held: held === 'true' }),
        ...(sku !== undefined && { sku }),
        page: { ...page, limit: page.limit + 1 },
      });
      const { data, next } = pageOf(found, page, (one) => [one.since, one.orderId, one.shipmentId]);
      return { found: { data }, asOf, ...(next && { next }) };
    },
  }),
];

export const awaitingDispatch: PerOrderFeedView<AwaitingOrder> = {
  name: 'awaiting-dispatch',
  version: 1,
  keyedBy: 'entity',
  indexes: [{ key: { 'shipments.since': 1 } }, { key: { 'shipments.lines.sku': 1 } }],
  queries,
  fold(document, event, { shipments, customer, holds }) {
    const known = new Map(document?.shipments.map((shipment) => [shipment.shipmentId, shipment]));
    const waiting = shipments
      .filter(({ status }) => status === 'created')
      .map(
        ({ shipmentId, lines }) => known.get(shipmentId) ?? { shipmentId, lines, since: event.occurredAt },
      );
    if (waiting.length === 0) return undefined;
    const [hold] = holds;
    return {
      customer: { id: customer.id, name: customer.name },
      held: hold !== undefined,
      ...(hold !== undefined && { holdReason: hold.reason }),
      shipments: waiting,
    };
  },
};

/** Shipments that wait, the oldest first. */
export async function listAwaitingDispatch(
  db: Db,
  {
    held,
    sku,
    page: { limit, after },
  }: { readonly held?: boolean; readonly sku?: string; readonly page: Page },
): Promise<{ readonly found: readonly AwaitingShipment[]; readonly asOf: AsOf }> {
  const [since, orderId, shipmentId] = after ?? [];
  const beyond = [
    { since: { $gt: since } },
    { since, orderId: { $gt: orderId } },
    { since, orderId, shipmentId: { $gt: shipmentId } },
  ];
  return await readView(db, awaitingDispatch, async (view) =>
    view
      .aggregate<AwaitingShipment>([
        {
          $match: {
            ...(held !== undefined && { held }),
            ...(sku !== undefined && { 'shipments.lines.sku': sku }),
            ...(after !== undefined && { 'shipments.since': { $gte: since } }),
          },
        },
        { $unwind: '$shipments' },
        {
          $project: {
            _id: 0,
            orderId: '$_id',
            shipmentId: '$shipments.shipmentId',
            customer: 1,
            lines: '$shipments.lines',
            since: '$shipments.since',
            held: 1,
            holdReason: 1,
          },
        },
        { $match: { ...(sku !== undefined && { 'lines.sku': sku }), ...(after && { $or: beyond }) } },
        { $sort: { since: 1, orderId: 1, shipmentId: 1 } },
        { $limit: limit },
      ])
      .toArray(),
  );
}
