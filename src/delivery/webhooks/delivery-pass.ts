import type { Db } from 'mongodb';
import type { WebhookSecrets } from '../../sealing/key-store/webhook-secrets.js';
import type { Endpoint } from '../../endpoint/endpoint.js';
import { eventId } from '../../log/event-id.js';
import { type PositionedEvent, positionAfterLost } from '../../log/feed/feed.js';
import { feedGenerations, type Generations } from '../../log/feed/generations.js';
import type { FeedTail } from '../../log/feed/tail.js';
import { committed, durable } from '../../mongodb/durability.js';
import { eventOf, journal } from '../../log/journal/journal.js';
import { orderLog } from '../../order-log.js';
import { EndpointSending, type SendingDeps } from './endpoint-sending.js';
import { endpointIdOf, endpointViews } from './endpoints.js';
import { isDown, isPaused } from '../health.js';
import { matchingEvents } from '../chosen-events.js';
import { foldOrder, type OrderAfter } from '../order-after.js';
import {
  deliveryRows,
  type SubscriptionRow,
  subscriptionRows,
  type WaitingRow,
  waitingRows,
} from './rows.js';
import { subscriptionOf } from './subscription.js';
import {
  addWaiting,
  countWaitingOrders,
  type DeliveryResult,
  makeNextDue,
  storeFailure,
  postponeFollowing,
  waitingRow,
} from './waiting.js';

export interface DeliveryPassDeps extends SendingDeps {
  readonly db: Db;
  /** the tail of the feed of orders; endpoints that are at the same position share a read */
  readonly tail: FeedTail;
  readonly secrets: WebhookSecrets;
}

const PAGE_SIZE = 100;
/** Maximum number of orders that are delivered at the same time. */
const CONCURRENCY = 8;
/** Maximum number of waiting orders; from then on, no further events are read. */
const MAX_WAITING = 100;

/**
 * Delivers everything that is due to an endpoint: its waiting events, then the feed to its end. An
 * endpoint that is down gets a page of the feed before its waiting events (`run`). The checkpoint
 * moves only after the receiver has answered. So, even if a process is killed, each event is
 * delivered at least once, and the events of an order in sequence.
 */
export async function deliverDue(
  deps: DeliveryPassDeps,
  endpoint: Endpoint,
  generations: Generations,
): Promise<void> {
  const subscription = await subscriptionOf(deps.db, endpoint, generations);
  if (isPaused(subscription.health, Date.now())) return;
  const secrets = await deps.secrets.read(endpoint.secretIds);
  const sending = new EndpointSending(deps, endpoint, secrets, subscription);
  await new DeliveryPass(deps, endpoint, subscription, sending).run();
}

/** One delivery pass over an endpoint: what is due, and its progress. */
class DeliveryPass {
  private readonly deps: DeliveryPassDeps;
  private readonly endpoint: Endpoint;
  private readonly endpointId: string;
  private readonly sending: EndpointSending;
  private subscription: SubscriptionRow;

  constructor(
    deps: DeliveryPassDeps,
    endpoint: Endpoint,
    subscription: SubscriptionRow,
    sending: EndpointSending,
  ) {
    this.deps = deps;
    this.endpoint = endpoint;
    this.endpointId = endpointIdOf(endpoint);
    this.subscription = subscription;
    this.sending = sending;
  }

  async run(): Promise<void> {
    // An endpoint may seem to be down only because it refuses certain events. Another event shows
    // whether it really is down.
    if (isDown(this.sending.health) && (await this.mayReadOn())) await this.deliverPage();
    if (this.sending.maySend() && (await this.isCurrent())) await this.deliverWaiting();
    while (this.sending.maySend() && (await this.mayReadOn())) {
      if (!(await this.deliverPage())) return;
    }
  }

  /** False if the endpoint was changed meanwhile, or the feed has another generation. */
  private async isCurrent(): Promise<boolean> {
    const { db } = this.deps;
    const projection = { version: 1 };
    const [now, { current }] = await Promise.all([
      endpointViews(db).findOne({ _id: this.endpointId }, { ...committed, projection }),
      feedGenerations(orderLog, db),
    ]);
    return now?.version === this.endpoint.version && current.generation === this.subscription.generation;
  }

  private async mayReadOn(): Promise<boolean> {
    if (!(await this.isCurrent())) return false;
    return (await countWaitingOrders(this.deps.db, this.endpointId)) < MAX_WAITING;
  }

  private async deliverWaiting(): Promise<void> {
    const due = await waitingRows(this.deps.db)
      .find({ endpointId: this.endpointId, nextTryAt: { $lte: new Date() } }, committed)
      .sort({ nextTryAt: 1, position: 1 })
      .limit(PAGE_SIZE)
      .toArray();
    if (due.length === 0) return;
    const orderIds = [...new Set(due.map(({ orderId }) => orderId))];
    await this.eachOrder(orderIds, (orderId) => this.deliverOrder(orderId));
    await this.saveProgress({});
  }

  /** Delivers an order's waiting events, the earliest first, until one fails. */
  private async deliverOrder(orderId: string): Promise<void> {
    const { db } = this.deps;
    const orderAfter = foldOrder(db, orderId);
    for (;;) {
      const first = await waitingRows(db).findOne(
        { endpointId: this.endpointId, orderId },
        { ...committed, sort: { version: 1 } },
      );
      if (first === null) return;
      const { _id, nextTryAt } = first;
      if (nextTryAt === undefined || nextTryAt.getTime() > Date.now()) {
        await postponeFollowing(db, first);
        return;
      }
      const outcome = await this.sendAgain(first, orderAfter);
      if (outcome === 'later') return;
      if (outcome !== 'delivered' && outcome !== 'gone') {
        await storeFailure(db, { ...first, nextTryAt }, outcome, this.deps.retryPolicy);
        return;
      }
      await makeNextDue(db, first);
      await waitingRows(db).deleteOne({ _id }, durable);
    }
  }

  /** @returns `gone` if the feed was restored, and no longer has the event */
  private async sendAgain(waiting: WaitingRow, orderAfter: OrderAfter): Promise<DeliveryResult | 'gone'> {
    const stored = await journal(orderLog, this.deps.db).findOne({ _id: eventId(waiting) }, committed);
    if (stored === null) return 'gone';
    return await this.sending.send(
      { ...eventOf(stored), position: stored.position ?? waiting.position },
      orderAfter,
    );
  }

  /**
   * @returns false at the end of this generation of the feed, or if the checkpoint was moved
   *   meanwhile
   */
  private async deliverPage(): Promise<boolean> {
    const { db, tail } = this.deps;
    const { generation, position } = this.subscription;
    const events = await tail.pages.read(generation, position, PAGE_SIZE);
    if (events === undefined) return false;
    const last = events.at(-1)?.position ?? (await positionAfterLost(orderLog, db, position));
    if (last === position) return false;
    const wanted = await matchingEvents(db, this.endpoint, events);
    const waiting = await this.deliverEvents(wanted);
    await addWaiting(db, waiting);
    return await this.saveProgress({ position: last });
  }

  /** @returns the events that have to wait */
  private async deliverEvents(events: readonly PositionedEvent[]): Promise<readonly WaitingRow[]> {
    if (events.length === 0) return [];
    const byOrder = new Map<string, PositionedEvent[]>();
    for (const event of events) byOrder.set(event.orderId, [...(byOrder.get(event.orderId) ?? []), event]);
    const { endpointId } = this;
    const { retryPolicy } = this.deps;
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
        const outcome = waits.has(orderId) ? 'later' : await this.sending.send(event, orderAfter);
        if (outcome === 'delivered') continue;
        waits.add(orderId);
        waiting.push(waitingRow(endpointId, event, outcome, Date.now(), retryPolicy));
      }
    });
    return waiting;
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
    const workers = Array.from({ length: isDown(this.sending.health) ? 1 : CONCURRENCY }, work);
    // All workers end before a failure is thrown, so that none of them overlaps the next pass.
    await Promise.allSettled(workers);
    await Promise.all(workers);
  }

  /**
   * Stores the attempts and the health, and moves the checkpoint if `moved` has a position.
   *
   * @returns false if the checkpoint was moved meanwhile, for example by a replay; then only the
   *   attempts are stored
   */
  private async saveProgress(moved: { readonly position?: number }): Promise<boolean> {
    const { db } = this.deps;
    const { attempts, delivered } = this.sending.take();
    if (attempts.length > 0) await deliveryRows(db).insertMany([...attempts], { ordered: false });
    const { _id, generation, position, replays = { $exists: false } } = this.subscription;
    const { health } = this.sending;
    const updated = await subscriptionRows(db).updateOne(
      { _id, generation, position, replays },
      { $set: { health, ...moved }, $inc: { delivered } },
      durable,
    );
    this.subscription = { ...this.subscription, ...moved, health };
    return updated.matchedCount === 1;
  }
}
