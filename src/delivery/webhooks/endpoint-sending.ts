import { pause } from '../../concurrency/pause.js';
import type { Endpoint } from '../../endpoint/endpoint.js';
import type { PositionedEvent } from '../../log/feed/feed.js';
import { LogIncomplete } from '../../log/journal/journal.js';
import { upcastIfKnown } from '../../order/upcasters.js';
import { messageOf } from '../../outages/message-of.js';
import { cloudEventOf } from '../cloud-events.js';
import { failed, type Health, isGivenUp, isPaused, type RetryPolicy, succeeded } from '../health.js';
import type { OrderAfter } from '../order-after.js';
import { endpointIdOf } from './endpoints.js';
import { deliveryRow, failureOf, isAcknowledged, postSigned } from './message.js';
import type { DeliveryRow, SubscriptionRow } from './rows.js';
import type { Sender } from './sender.js';
import type { DeliveryResult } from './waiting.js';

export interface SendingDeps {
  readonly sender: Sender;
  readonly retryPolicy: RetryPolicy;
  /** Sends the command to disable the endpoint to its workflow. Never fails. */
  readonly disable: (endpoint: Endpoint, reason: string) => Promise<void>;
  /** for each endpoint with a rate, when the next event may be sent, in ms since 1970 */
  readonly nextSlots: Map<string, number>;
  readonly signal: AbortSignal;
}

/** How long nothing is sent to an endpoint that is being disabled. */
const DISABLING_MS = 60_000;

/** Sends events to one endpoint during a pass, and notes how it answers. */
export class EndpointSending {
  health: Health;
  private readonly deps: SendingDeps;
  private readonly endpoint: Endpoint;
  private readonly endpointId: string;
  private readonly secrets: readonly string[];
  /** the generation of the feed to which the positions of the events belong */
  private readonly generation: number;
  private delivered = 0;
  private attempts: DeliveryRow[] = [];
  private isDisabled = false;

  constructor(
    deps: SendingDeps,
    endpoint: Endpoint,
    secrets: readonly string[],
    { health, generation }: Pick<SubscriptionRow, 'health' | 'generation'>,
  ) {
    this.deps = deps;
    this.endpoint = endpoint;
    this.endpointId = endpointIdOf(endpoint);
    this.secrets = secrets;
    this.health = health;
    this.generation = generation;
  }

  /** False while the endpoint is paused or is being disabled, and once the process stops. */
  maySend(): boolean {
    return !this.deps.signal.aborted && !this.isDisabled && !isPaused(this.health, Date.now());
  }

  /**
   * Sends an event once. Returns `later` if nothing may be sent now, or if the process stops before
   * the receiver has acknowledged the event. The receiver's answer counts towards the health of the
   * endpoint.
   */
  async send(event: PositionedEvent, orderAfter: OrderAfter): Promise<DeliveryResult> {
    if (!(await this.awaitSlot())) return 'later';
    const { endpointId } = this;
    const { url, payload } = this.endpoint;
    const { sender, retryPolicy, signal } = this.deps;
    const { version, position, type } = event;
    let order: object | undefined;
    try {
      if (payload === 'order') order = await orderAfter(version);
    } catch (error) {
      // For example, the order has an event of a later version of the code. Only this order waits.
      if (!(error instanceof LogIncomplete))
        return { failure: `the order cannot be read: ${messageOf(error)}`, retryAfterMs: 0 };
      // The lost event may never come back, so the message is sent without the order.
    }
    const message = cloudEventOf(upcastIfKnown(event), this.generation, payload, order);
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
    this.health = failed(this.health, now, retryPolicy, status === 429 || status === 503 ? retryAfterMs : 0);
    if (status === 410) await this.disable('it answered 410 Gone');
    else if (isGivenUp(this.health.failures, this.health.failingSince, now, retryPolicy))
      await this.disable(
        `nothing was delivered since ${this.health.failingSince}: ${failureOf(withoutAnswer)}`,
      );
    return { failure: failureOf(sent), retryAfterMs };
  }

  /** The attempts since the last call, and how many of them were acknowledged. */
  take(): { readonly attempts: readonly DeliveryRow[]; readonly delivered: number } {
    const taken = { attempts: this.attempts, delivered: this.delivered };
    this.attempts = [];
    this.delivered = 0;
    return taken;
  }

  /** Waits until the endpoint's rate allows the next request. False if nothing may be sent now. */
  private async awaitSlot(): Promise<boolean> {
    const { endpointId } = this;
    const { perSecond } = this.endpoint;
    const { nextSlots, signal } = this.deps;
    if (perSecond !== undefined) {
      const at = Math.max(Date.now(), nextSlots.get(endpointId) ?? 0);
      nextSlots.set(endpointId, at + 1_000 / perSecond);
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
}
