import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { releaseLeases, RENEW_EVERY_MS, takeLeases } from './leases.js';

/** Work without an end, which one process at a time does. */
export interface StandingTask {
  readonly name: string;
  /**
   * Works until `signal` aborts. If it fails, here or elsewhere it is called again.
   *
   * @param heartbeat called while all is well
   */
  readonly work: (signal: AbortSignal, heartbeat: () => void) => Promise<void>;
}

/** The task that gives the positions of a feed. */
export const sequencing = (feed: string): string => `sequence-${feed}`;
/** The task that feeds a view. */
export const projecting = (view: string): string => `project-${view}`;

/** What is told of a task in this process. */
export interface StandingReport {
  failed(error: unknown): void;
  worked(): void;
}

export interface Standing {
  readonly db: Db;
  readonly tasks: readonly StandingTask[];
  readonly signal: AbortSignal;
  readonly report: (task: string) => StandingReport;
}

const FIRST_REST_MS = 200;
const LONGEST_REST_MS = 1_600;
/** Longer than a lease and the time to the next look of another process. */
const GIVEN_UP_MS = 5_000;

/**
 * Does each task for as long as this process has its lease, until `signal` aborts. If the process
 * dies, another one has its tasks within five seconds. All leases are taken at once, so one process
 * usually has all of them.
 */
export async function doStanding({ db, tasks, signal, report }: Standing): Promise<void> {
  const holder = randomUUID();
  const names = tasks.map(({ name }) => name);
  const turns = tasks.map((task) => new Turn(task, report(task.name)));
  while (!signal.aborted) {
    const due = turns.filter((turn) => turn.isDue());
    try {
      const held = await takeLeases(
        db,
        holder,
        due.map(({ name }) => name),
      );
      for (const turn of due) {
        if (held.has(turn.name)) turn.begin();
        else void turn.end();
      }
    } catch {
      // MongoDB is away: no other process has the leases either, and each task reports it.
    }
    await pause(RENEW_EVERY_MS, signal);
  }
  await Promise.all(turns.map((turn) => turn.end()));
  await releaseLeases(db, holder, names).catch(() => undefined);
}

/** A task in this process while it has the lease. */
class Turn {
  readonly name: string;
  private readonly task: StandingTask;
  private readonly report: StandingReport;
  private running: { readonly stopping: AbortController; readonly ended: Promise<void> } | undefined;
  private dueAt = 0;

  constructor(task: StandingTask, report: StandingReport) {
    this.name = task.name;
    this.task = task;
    this.report = report;
  }

  /** False while the lease is left to another process. */
  isDue(): boolean {
    return Date.now() >= this.dueAt;
  }

  begin(): void {
    if (this.running !== undefined) return;
    const stopping = new AbortController();
    const ended = this.tryOften(stopping.signal).finally(() => (this.running = undefined));
    this.running = { stopping, ended };
  }

  async end(): Promise<void> {
    this.running?.stopping.abort();
    await this.running?.ended;
  }

  /**
   * Until it has failed again and again. Then the lease runs out, since a process of another version
   * may be able to do it.
   */
  private async tryOften(signal: AbortSignal): Promise<void> {
    let restMs = FIRST_REST_MS;
    const heartbeat = (): void => {
      restMs = FIRST_REST_MS;
      this.report.worked();
    };
    while (!signal.aborted && restMs <= LONGEST_REST_MS) {
      try {
        await this.task.work(signal, heartbeat);
      } catch (error) {
        if (!signal.aborted) this.report.failed(error);
      }
      await pause(restMs, signal);
      restMs *= 2;
    }
    if (!signal.aborted) this.dueAt = Date.now() + GIVEN_UP_MS;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}
