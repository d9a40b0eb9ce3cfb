import type { Db } from 'mongodb';
import type { WebhookSecrets } from '../access/webhook-secrets.js';
import { pause } from '../concurrency/pause.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { type PositionedEvent, skipLostPositions } from '../log/feed/feed.js';
import { feedGenerations, type Generations } from '../log/feed/generations.js';
import type { FeedTail } from '../log/feed/tail.js';
import { committed, durable } from '../mongodb/durability.js';
import { eventOf, journal } from '../log/journal/journal.js';
import { messageOf } from '../outages/message-of.js';
import { upcastIfKnown } from '../order/upcasters.js';
import { orderLog } from '../order-log.js';
import { cloudEventOf } from './cloud-events.js';
import { endpointViews } from './endpoints.js';
import { failed, type Health, isDown, isGivenUp, isResting, type Patience, succeeded } from './health.js';
import { deliveryRow, failureOf, isAcknowledged, postSigned } from './message.js';
import { matching } from './event-filter.js';
import { foldOrder, type OrderAfter } from './order-after.js';
import {
  type DeliveryRow,
  deliveryRows,
  type SubscriptionRow,
  subscriptionRows,
  type WaitingRow,
  waitingRows,
} from './rows.js';
import type { Sender } from './sender.js';
import { subscriptionOf } from './subscription.js';
import { afterFailure, type Outcome, waitingRow } from './waiting.js';

export interface DeliveryPassDeps {
  readonly db: Db;
  /** the tail of the feed of orders; endpoints that are at the same position share a read */
  readonly tail: FeedTail;
  readonly secrets: WebhookSecrets;
  readonly sender: Sender;
  readonly patience: Patience;
  /** Sends the command to disable the endpoint to its workflow. Never fails. */
  readonly disable: (endpoint: Endpoint, reason: string) => Promise<void>;
  /** the time from which an endpoint with a rate may be sent the next event, in ms */
  readonly nextSlots: Map<string, number>;
  readonly signal: AbortSignal;
}

const PAGE = 100;
/** Maximum number of orders that are delivered at the same time. */
const CONCURRENCY = 8;
/** Maximum number of waiting orders; from then on, no further events are read. */
const MOST_WAITING = 100;
/** How long nothing is sent to an endpoint that is being disabled. */
const DISABLING_MS = 60_000;
/**
 * How long an event that follows a parked one waits before it is checked again. A retry of the
 * parked one sends it at once.
 */
const BEHIND_PARKED_MS = 3_600_000;

/**
 * Delivers everything that is due to an endpoint: first its waiting events, then the feed to its
 * end. Delivery is at least once, and in order within each order, whichever process is killed: the
 * checkpoint moves after the answers.
 */
export async function deliverDue(
  deps: DeliveryPassDeps,
  endpoint: Endpoint,
  generations: Generations,
): Promise<void> {
  const subscription = await subscriptionOf(deps.db, endpoint, generations);
  if (isResting(subscription.health, Date.now())) return;
  const secrets = await deps.secrets.read(endpoint.secretIds);
  await new DeliveryPass(deps, endpoint, secrets, subscription).run();
}

/** One delivery pass over an endpoint. */
class DeliveryPass {
  private readonly deps: DeliveryPassDeps;
  private readonly endpoint: Endpoint;
  private readonly secrets: readonly string[];
  private subscription: SubscriptionRow;
  private health: Health;
  private delivered = 0;
  private attempts: DeliveryRow[] = [];
  private isDisabled = false;

  constructor(
    deps: DeliveryPassDeps,
    endpoint: Endpoint,
    secrets: readonly string[],
    subscription: SubscriptionRow,
  ) {
    this.deps = deps;
    this.endpoint = endpoint;
    this.secrets = secrets;
    this.subscription = subscription;
    this.health = subscription.health;
  }

  async run(): Promise<void> {
    // An endpoint may seem to be down only because it refuses certain events. Another event shows
    // whether it is.
    if (isDown(this.health) && (await this.mayReadOn())) await this.deliverPage();
    if (this.maySend() && (await this.isCurrent())) await this.deliverWaiting();
    while (this.maySend() && (await this.mayReadOn())) {
      if (!(await this.deliverPage())) return;
    }
  }

  private maySend(): boolean {
    return !this.deps.signal.aborted && !this.isDisabled && !isResting(this.health, Date.now());
  }

  /** False if the endpoint was changed meanwhile, or the feed has another generation. */
  private async isCurrent(): Promise<boolean> {
    const { db } = this.deps;
    const { orderId: _id, version } = this.endpoint;
    const projection = { version: 1 };
    const [now, { current }] = await Promise.all([
      endpointViews(db).findOne({ _id }, { ...committed, projection }),
      feedGenerations(orderLog, db),
    ]);
    return now?.version === version && current.generation === this.subscription.generation;
  }

  private async mayReadOn(): Promise<boolean> {
    if (!(await this.isCurrent())) return false;
    const { orderId: endpointId } = this.endpoint;
    const rows = waitingRows(this.deps.db);
    // Orders with a parked event wait for an operator, so they do not count towards the limit.
    const parked = await rows.distinct('orderId', { endpointId, parkedAt: { $exists: true } }, committed);
    const others = { endpointId, nextTryAt: { $exists: true }, orderId: { $nin: parked } };
    const waiting = await rows.distinct('orderId', others, committed);
    return waiting.length < MOST_WAITING;
  }

  private async deliverWaiting(): Promise<void> {
    const due = await waitingRows(this.deps.db)
      .find({ endpointId: this.endpoint.orderId, nextTryAt: { $lte: new Date() } }, committed)
      .sort({ nextTryAt: 1, position: 1 })
      .limit(PAGE)
      .toArray();
    if (due.length === 0) return;
    const orderIds = [...new Set(due.map(({ orderId }) => orderId))];
    await this.eachOrder(orderIds, (orderId) => this.deliverOrder(orderId));
    await this.saveProgress({});
  }

  /** Delivers an order's waiting events, the earliest first, until one fails. */
  private async deliverOrder(orderId: string): Promise<void> {
    const { db } = this.deps;
    const rows = waitingRows(db);
    const orderAfter = foldOrder(db, orderId);
    const ofOrder = { endpointId: this.endpoint.orderId, orderId };
    for (;;) {
      const first = await rows.findOne(ofOrder, { ...committed, sort: { version: 1 } });
      if (first === null) return;
      const now = Date.now();
      const { _id, nextTryAt, attempts, failingSince } = first;
      if (nextTryAt === undefined || nextTryAt.getTime() > now) {
        const looksAgainAt = nextTryAt ?? new Date(now + BEHIND_PARKED_MS);
        const later = { ...ofOrder, version: { $gt: first.version }, nextTryAt: { $lte: new Date(now) } };
        await rows.updateMany(later, { $set: { nextTryAt: looksAgainAt } }, durable);
        return;
      }
      const outcome = await this.sendAgain(first, orderAfter);
      if (outcome === 'later') return;
      if (outcome !== 'delivered') {
        const failing = { ...outcome, attempts: attempts + 1, failingSince };
        const later = afterFailure(failing, Date.now(), this.deps.patience);
        const isParked = later.parkedAt !== undefined;
        // `nextTryAt` guards the update: an operator may have asked for a retry meanwhile.
        await rows.updateOne(
          { _id, nextTryAt },
          { $set: later, ...(isParked && { $unset: { nextTryAt: 1 } }) },
          durable,
        );
        return;
      }
      const next = { ...ofOrder, version: { $gt: first.version }, parkedAt: { $exists: false } };
      await rows.findOneAndUpdate(
        next,
        { $set: { nextTryAt: new Date() } },
        { sort: { version: 1 }, ...durable },
      );
      await rows.deleteOne({ _id }, durable);
    }
  }

  private async sendAgain(
    { orderId, version, position }: WaitingRow,
    orderAfter: OrderAfter,
  ): Promise<Outcome> {
    const stored = await journal(orderLog, this.deps.db).findOne({ _id: `${orderId}:${version}` }, committed);
    // The feed was restored and no longer has the event.
    if (stored === null) return 'delivered';
    return await this.send({ ...eventOf(stored), position: stored.position ?? position }, orderAfter);
  }

  /**
   * @returns false at the end of this generation of the feed, or if the checkpoint was moved
   *   meanwhile
   */
  private async deliverPage(): Promise<boolean> {
    const { db, tail } = this.deps;
    const { generation, position } = this.subscription;
    const events = await tail.read(generation, position, PAGE);
    if (events === undefined) return false;
    const last = events.at(-1)?.position ?? (await skipLostPositions(orderLog, db, position));
    if (last === position) return false;
    const wanted = await matching(db, this.endpoint, events);
    const waiting = await this.deliverEvents(wanted);
    if (waiting.length > 0) {
      await waitingRows(db).bulkWrite(
        waiting.map(({ _id, ...row }) => ({
          updateOne: { filter: { _id }, update: { $setOnInsert: row }, upsert: true },
        })),
        { ordered: false, ...durable },
      );
    }
    return await this.saveProgress({ position: last });
  }

  /** @returns the events that have to wait */
  private async deliverEvents(events: readonly PositionedEvent[]): Promise<readonly WaitingRow[]> {
    if (events.length === 0) return [];
    const byOrder = new Map<string, PositionedEvent[]>();
    for (const event of events) byOrder.set(event.orderId, [...(byOrder.get(event.orderId) ?? []), event]);
    const { orderId: endpointId } = this.endpoint;
    const { patience } = this.deps;
    const blocked = await waitingRows(this.deps.db).distinct(
      'orderId',
      { endpointId, orderId: { $in: [...byOrder.keys()] } },
      committed,
    );
    const waits = new Set(blocked);
    const waiting: WaitingRow[] = [];
    await this.eachOrder([...byOrder.keys()], async (orderId) => {
      const ofOrder = byOrder.get(orderId) ?? [];
      const orderAfter = foldOrder(this.deps.db, orderId, { last: ofOrder.at(-1)?.version ?? 0 });
      for (const event of ofOrder) {
        const outcome = waits.has(orderId) ? 'later' : await this.send(event, orderAfter);
        if (outcome === 'delivered') continue;
        waits.add(orderId);
        waiting.push(waitingRow(endpointId, event, outcome, Date.now(), patience));
      }
    });
    return waiting;
  }

  private async send(event: PositionedEvent, orderAfter: OrderAfter): Promise<Outcome> {
    if (!(await this.slot())) return 'later';
    const { orderId: endpointId, url, payload } = this.endpoint;
    const { sender, patience, signal } = this.deps;
    const { version, position, type } = event;
    const { generation } = this.subscription;
    let order: object | undefined;
    try {
      if (payload === 'order') order = await orderAfter(version);
    } catch (error) {
      // For example, the order has an event of a later version of the code. Only this order waits.
      return { failure: `the order cannot be read: ${messageOf(error)}`, retryAfterMs: 0 };
    }
    const message = cloudEventOf(upcastIfKnown(event), generation, payload, order);
    const sent = await postSigned(sender, { endpointId, url, secrets: this.secrets }, message);
    const now = Date.now();
    const isDelivered = isAcknowledged(sent);
    // The process is stopping and has closed the connection itself.
    if (signal.aborted && !isDelivered) return 'later';
    this.attempts.push(deliveryRow({ endpointId }, { id: message.id, type, position }, sent));
    if (isDelivered) {
      this.delivered += 1;
      this.health = succeeded(now);
      return 'delivered';
    }
    // An event log is never erased, so the receiver's text must not enter the endpoint's log.
    const { answer: _, ...withoutAnswer } = sent;
    const { status, retryAfterMs = 0 } = sent;
    this.health = failed(this.health, now, patience, status === 429 || status === 503 ? retryAfterMs : 0);
    if (status === 410) await this.disable('it answered 410 Gone');
    else if (isGivenUp(this.health.failures, this.health.failingSince, now, patience))
      await this.disable(
        `nothing was delivered since ${this.health.failingSince}: ${failureOf(withoutAnswer)}`,
      );
    return { failure: failureOf(sent), retryAfterMs };
  }

  /** Waits until the endpoint's rate allows the next request. False if nothing may be sent now. */
  private async slot(): Promise<boolean> {
    const { perSecond, orderId } = this.endpoint;
    const { nextSlots, signal } = this.deps;
    if (perSecond !== undefined) {
      const at = Math.max(Date.now(), nextSlots.get(orderId) ?? 0);
      nextSlots.set(orderId, at + 1_000 / perSecond);
      await pause(at - Date.now(), signal);
    }
    return this.maySend();
  }

  private async disable(reason: string): Promise<void> {
    if (this.isDisabled) return;
    this.isDisabled = true;
    this.health = { ...this.health, restUntil: new Date(Date.now() + DISABLING_MS).toISOString() };
    await this.deps.disable(this.endpoint, reason);
  }

  /** Delivers several orders at a time, or one at a time while the endpoint seems to be down. */
  private async eachOrder(
    orderIds: readonly string[],
    deliver: (orderId: string) => Promise<void>,
  ): Promise<void> {
    const queue = orderIds.values();
    const work = async (): Promise<void> => {
      for (const orderId of queue) await deliver(orderId);
    };
    const workers = Array.from({ length: isDown(this.health) ? 1 : CONCURRENCY }, work);
    // Wait for all workers before throwing a failure, so that none of them overlaps the next pass.
    await Promise.allSettled(workers);
    await Promise.all(workers);
  }

  /**
   * Stores the attempts and the health, and moves the checkpoint.
   *
   * @returns false if the checkpoint was moved meanwhile, for example by a replay
   */
  private async saveProgress(moved: { readonly position?: number }): Promise<boolean> {
    const { db } = this.deps;
    const attempts = this.attempts.splice(0);
    if (attempts.length > 0) await deliveryRows(db).insertMany(attempts, { ordered: false });
    const { _id, generation, position } = this.subscription;
    const { health, delivered } = this;
    this.delivered = 0;
    const noted = await subscriptionRows(db).updateOne(
      { _id, generation, position },
      { $set: { health, ...moved }, $inc: { delivered } },
      durable,
    );
    this.subscription = { ...this.subscription, ...moved, health };
    return noted.matchedCount === 1;
  }
}
