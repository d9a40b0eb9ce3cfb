import { loopDelay } from '../server/event-loop.js';

/**
 * Kinds of work. Each is bounded by itself, so that none waits for another: a read never waits for a write.
 * `message`: a command that is answered without a worker; `read`: one document; `list`: many documents, or a fold of events;
 * `history`: what Temporal is asked for.
 */
export const kinds = ['create', 'command', 'message', 'read', 'list', 'history', 'stream'] as const;
export type Kind = (typeof kinds)[number];

/** How much of one kind is taken on. */
export interface Bound {
  /** in flight, at most */
  readonly most: number;
  /** in flight, however slow they are; `most` by default: then the bound does not adapt */
  readonly least?: number;
  /** One that takes longer shows that too many are in flight. */
  readonly targetMs?: number;
  /** how many wait for a place; what comes beyond is refused at once */
  readonly waiting: number;
  /** how long one waits before it is refused */
  readonly waitMs: number;
}

export type Bounds = Readonly<Record<Kind, Bound>>;

/**
 * Creates and lists adapt, since their time shows what the servers have left. A command also waits for a worker, so its time
 * says little; a message (a signal) waits for none, and is not to wait for commands that have no worker.
 */
export const defaultBounds: Bounds = {
  create: { least: 4, most: 64, targetMs: 250, waiting: 8, waitMs: 250 },
  command: { most: 64, waiting: 128, waitMs: 500 },
  message: { most: 64, waiting: 128, waitMs: 500 },
  read: { most: 256, waiting: 1_024, waitMs: 1_000 },
  list: { least: 2, most: 32, targetMs: 250, waiting: 8, waitMs: 250 },
  history: { most: 32, waiting: 64, waitMs: 500 },
  stream: { most: 200, waiting: 0, waitMs: 0 },
};

/** Kinds that are cheap, and what all else is refused for. */
const spared: ReadonlySet<Kind> = new Set(['read', 'message']);
/** A loop that is later than that on average cannot do what it has been given already. */
const BEHIND_MS = 500;
const SHRINK = 0.5;

/** Gives the place back. May be called again. */
export type Leave = () => void;

/** Decides what is taken on, before any of it begins. */
export interface Admission {
  /** True where `enter` would refuse at once. */
  isFull(kind: Kind): boolean;
  /** A place, perhaps after a short wait; undefined where there is none: then nothing is to be begun. */
  enter(kind: Kind): Promise<Leave | undefined>;
  /** For metrics and tests. */
  state(kind: Kind): GateState;
}

export interface GateState {
  readonly inFlight: number;
  readonly waiting: number;
  /** what may be in flight now */
  readonly limit: number;
}

/** @param isBehind whether the event loop cannot keep up */
export function createAdmission(
  bounds: Bounds = defaultBounds,
  isBehind: () => boolean = () => loopDelay().mean > BEHIND_MS,
): Admission {
  const gates = new Map(kinds.map((kind) => [kind, new Gate(bounds[kind])]));
  const gate = (kind: Kind): Gate => {
    const found = gates.get(kind);
    if (found === undefined) throw new Error(`There is no bound for ${kind}.`);
    return found;
  };
  // One at a time is always taken on: a refusal is to have a cause.
  const isShut = (kind: Kind) => gate(kind).inFlight > 0 && !spared.has(kind) && isBehind();
  const isFull = (kind: Kind) => isShut(kind) || gate(kind).isFull();
  return {
    isFull,
    enter: async (kind) => (isFull(kind) ? undefined : await gate(kind).enter()),
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
 * One kind's places: additive increase while all places are used and each takes no longer than `targetMs`, multiplicative
 * decrease when one takes longer, as TCP does.
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
    // Between the two: neither a burst at the start nor a slow one is to be refused for long.
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
      this.letIn();
    };
  }

  private letIn(): void {
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
    // Those that were in flight together are one sign, not many.
    const now = performance.now();
    if (now - this.shrunkAt < tookMs) return;
    this.shrunkAt = now;
    this.limit = Math.max(least, this.limit * Math.max(SHRINK, targetMs / tookMs));
  }
}
