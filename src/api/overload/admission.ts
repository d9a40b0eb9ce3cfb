import { loopDelay } from '../../server/health/event-loop-delay.js';

/**
 * Kinds of work. Each has its own bound, so no kind waits for another; in particular, reads never
 * wait for writes. `message`: a command that is answered without a worker; `read`: one document;
 * `list`: many documents, or a fold of events; `history`: a request to Temporal.
 */
export const workKinds = ['create', 'command', 'message', 'read', 'list', 'history', 'stream'] as const;
export type WorkKind = (typeof workKinds)[number];

/** Bounds for one kind of work. */
export interface Bound {
  /** maximum in flight */
  readonly most: number;
  /** lower bound of the adaptive limit; `most` by default, so that the limit does not adapt */
  readonly least?: number;
  /** the limit shrinks when a request takes longer than this */
  readonly targetMs?: number;
  /** how many requests may wait for a slot; further ones are refused immediately */
  readonly waiting: number;
  /** how long a request may wait before it is refused */
  readonly waitMs: number;
}

export type Bounds = Readonly<Record<WorkKind, Bound>>;

/**
 * Creates and lists have an adaptive limit, because their duration shows how busy the servers are.
 * A command also waits for a worker, so its duration shows little. Messages (signals) do not wait
 * for workers, so they have slots of their own.
 */
export const DEFAULT_BOUNDS: Bounds = {
  create: { least: 4, most: 64, targetMs: 250, waiting: 8, waitMs: 250 },
  command: { most: 64, waiting: 128, waitMs: 500 },
  message: { most: 64, waiting: 128, waitMs: 500 },
  read: { most: 256, waiting: 1_024, waitMs: 1_000 },
  list: { least: 2, most: 32, targetMs: 250, waiting: 8, waitMs: 250 },
  history: { most: 32, waiting: 64, waitMs: 500 },
  stream: { most: 200, waiting: 0, waitMs: 0 },
};

/** Cheap kinds, which are admitted even if the event loop is late. */
const priorityKinds: ReadonlySet<WorkKind> = new Set(['read', 'message']);
/**
 * If the mean delay of the event loop is longer, the process cannot complete even the work that it
 * has admitted.
 */
const LATE_MS = 500;
const SHRINK = 0.5;

/** Frees the slot. Further calls do nothing. */
export type Leave = () => void;

/** Decides which requests are admitted, before work on them starts. */
export interface Admission {
  /** True if `enter` would refuse immediately. */
  refuses(kind: WorkKind): boolean;
  /**
   * Takes a slot, perhaps after a short wait; undefined if there is none, and then the work must
   * not start.
   */
  enter(kind: WorkKind): Promise<Leave | undefined>;
  /** The current numbers, for metrics and tests. */
  state(kind: WorkKind): GateState;
}

export interface GateState {
  readonly inFlight: number;
  readonly waiting: number;
  /** current limit of requests in flight */
  readonly limit: number;
}

/** @param isLate whether the event loop cannot keep up */
export function createAdmission(
  bounds: Bounds = DEFAULT_BOUNDS,
  isLate: () => boolean = () => loopDelay().mean > LATE_MS,
): Admission {
  const gates = new Map(workKinds.map((kind) => [kind, new Gate(bounds[kind])]));
  const gate = (kind: WorkKind): Gate => {
    const found = gates.get(kind);
    if (found === undefined) throw new Error(`There is no bound for ${kind}.`);
    return found;
  };
  // If no request of its kind is in flight, a request is admitted even if the event loop is late:
  // the delay then has another cause than these requests.
  const isOverloaded = (kind: WorkKind) => gate(kind).inFlight > 0 && !priorityKinds.has(kind) && isLate();
  const refuses = (kind: WorkKind) => isOverloaded(kind) || gate(kind).isFull();
  return {
    refuses,
    enter: async (kind) => (refuses(kind) ? undefined : await gate(kind).enter()),
    state(kind) {
      const { inFlight, queue, limit } = gate(kind);
      return { inFlight, waiting: queue.length, limit: Math.floor(limit) };
    },
  };
}

interface Waiting {
  readonly resolve: (leave: Leave | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The slots of one kind. The limit is adaptive as in TCP: additive increase while all slots are
 * used and requests take at most `targetMs`, multiplicative decrease when one takes longer.
 */
class Gate {
  inFlight = 0;
  limit: number;
  queue: Waiting[] = [];
  private readonly bound: Bound;
  private shrunkAt = Number.NEGATIVE_INFINITY;

  constructor(bound: Bound) {
    this.bound = bound;
    const { least = bound.most, most } = bound;
    // The limit starts in the middle, so that neither a burst nor slow requests are refused for
    // long after the start.
    this.limit = Math.ceil(Math.sqrt(least * most));
  }

  isFull(): boolean {
    return this.inFlight >= Math.floor(this.limit) && this.queue.length >= this.bound.waiting;
  }

  async enter(): Promise<Leave | undefined> {
    if (this.inFlight < Math.floor(this.limit)) return this.take();
    return await new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.queue = this.queue.filter((one) => one !== waiting);
        resolve(undefined);
      }, this.bound.waitMs);
      const waiting: Waiting = { resolve, timer };
      this.queue.push(waiting);
    });
  }

  private take(): Leave {
    this.inFlight += 1;
    const since = performance.now();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.adapt(performance.now() - since);
      this.inFlight -= 1;
      this.admitWaiting();
    };
  }

  private admitWaiting(): void {
    while (this.inFlight < Math.floor(this.limit)) {
      const next = this.queue.shift();
      if (next === undefined) return;
      clearTimeout(next.timer);
      next.resolve(this.take());
    }
  }

  private adapt(tookMs: number): void {
    const { targetMs, most, least = most } = this.bound;
    if (targetMs === undefined) return;
    if (tookMs <= targetMs) {
      if (this.inFlight >= Math.floor(this.limit)) this.limit = Math.min(most, this.limit + 1 / this.limit);
      return;
    }
    // Slow requests that were in flight at the same time shrink the limit only once.
    const now = performance.now();
    if (now - this.shrunkAt < tookMs) return;
    this.shrunkAt = now;
    this.limit = Math.max(least, this.limit * Math.max(SHRINK, targetMs / tookMs));
  }
}
