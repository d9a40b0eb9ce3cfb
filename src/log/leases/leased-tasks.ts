import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { withTimeout } from '../../outages/timeout.js';
import { LEASE_MS, releaseLease, RENEW_EVERY_MS, acquireLeases } from './leases.js';

/** Work that never ends, done by one process at a time. */
export interface LeasedTask {
  /** persisted, as the key of its lease */
  readonly name: string;
  /**
   * Works until `signal` aborts. If it fails, it is called again, in this process or another.
   *
   * @param heartbeat called by the work when it has begun, and at any time while all is well
   */
  readonly work: (signal: AbortSignal, heartbeat: () => void) => Promise<void>;
}

/** Whether a task works in this process, as its runner reports it. */
export interface TaskHealth {
  failed(error: unknown): void;
  worked(): void;
}

export interface LeasedTasks {
  readonly db: Db;
  readonly tasks: readonly LeasedTask[];
  readonly signal: AbortSignal;
  readonly healthOf: (task: string) => TaskHealth;
}

/** Renewing the leases is reported like a task, under this name. */
const RENEWING = 'renew-leases';
/** Work counts as healthy once it has run for this long without a failure. */
const WELL_AFTER_MS = 5_000;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 1_600;
/**
 * How long this process waits before it asks again for a lease that it gave up, so that another
 * process can take the lease. This is longer than a lease lasts, and longer than the interval at
 * which processes look for free leases.
 */
const GIVEN_UP_MS = 5_000;

/**
 * Does each task for as long as this process has its lease, until `signal` aborts. If the process
 * dies, another process has its tasks within five seconds. All leases are taken in one write, so
 * one process usually has all of them.
 */
export async function runLeasedTasks({ db, tasks, signal, healthOf }: LeasedTasks): Promise<void> {
  const holder = randomUUID();
  const renewing = healthOf(RENEWING);
  const terms = tasks.map((task) => {
    const release = async () => await releaseLease(db, holder, task.name);
    return new LeaseTerm(task, healthOf(task.name), release);
  });
  let renewedAt = performance.now();
  while (!signal.aborted) {
    const due = terms.filter((term) => term.isDue());
    const askedAt = performance.now();
    try {
      const names = due.map(({ name }) => name);
      const held = await withTimeout(LEASE_MS, acquireLeases(db, holder, names));
      renewedAt = askedAt;
      renewing.worked();
      for (const term of due) {
        if (!held.has(term.name)) void term.end();
        else if (!signal.aborted) term.begin();
      }
    } catch (error) {
      if (!signal.aborted) renewing.failed(error);
      // By now another process may have the leases.
      if (performance.now() - renewedAt >= LEASE_MS) for (const term of terms) void term.end();
    }
    await pause(RENEW_EVERY_MS, signal);
  }
  await Promise.all(terms.map((term) => term.end()));
}

/**
 * A leased task in this process. It works from `begin` to `end`: while this process has the lease.
 */
class LeaseTerm {
  readonly name: string;
  private readonly task: LeasedTask;
  private readonly health: TaskHealth;
  private readonly release: () => Promise<void>;
  private running: { readonly stopping: AbortController; readonly ended: Promise<void> } | undefined;
  private dueAt = 0;

  constructor(task: LeasedTask, health: TaskHealth, release: () => Promise<void>) {
    this.name = task.name;
    this.task = task;
    this.health = health;
    this.release = release;
  }

  /** False while the lease is left to another process. */
  isDue(): boolean {
    return performance.now() >= this.dueAt;
  }

  begin(): void {
    if (this.running !== undefined || !this.isDue()) return;
    const stopping = new AbortController();
    const ended = this.retryUntilGivenUp(stopping.signal)
      .then(this.release)
      .catch(() => undefined)
      .finally(() => (this.running = undefined));
    this.running = { stopping, ended };
  }

  async end(): Promise<void> {
    this.running?.stopping.abort();
    await this.running?.ended;
  }

  /**
   * Works, and begins again after a failure, until it has failed several times in a row. Then this
   * process gives the lease up: a process of another version may be able to do the task.
   */
  private async retryUntilGivenUp(signal: AbortSignal): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    const reportWell = (): void => {
      retryMs = FIRST_RETRY_MS;
      this.health.worked();
    };
    while (!signal.aborted && retryMs <= MAX_RETRY_MS) {
      let timer: NodeJS.Timeout | undefined;
      try {
        await this.task.work(signal, () => void (timer ??= globalThis.setTimeout(reportWell, WELL_AFTER_MS)));
      } catch (error) {
        if (!signal.aborted) this.health.failed(error);
      } finally {
        clearTimeout(timer);
      }
      await pause(retryMs, signal);
      retryMs *= 2;
    }
    if (!signal.aborted) this.dueAt = performance.now() + GIVEN_UP_MS;
  }
}
