import type { RefusalState } from './refusal-rows.js';

/** Why a record is not done yet. */
export interface Waiting {
  /** ISO-8601 UTC */
  readonly since: string;
  readonly why: string;
}

/**
 * The progress in one partition: which records were read, and which are done. An offset is
 * committed when all records before it are done.
 */
export class PartitionProgress {
  readonly partition: number;
  /** the offset of the next record to read */
  next: bigint;
  committed: bigint;
  /** why the partition cannot be read now */
  failure: string | undefined;
  /** why the records at `next` could not be read the last time */
  unreadable: string | undefined;
  /** the size, in bytes, of the records that are not done */
  openBytes = 0;
  /**
   * Refused commands by their offsets. The commands of earlier assignments stay until their offsets
   * are committed. Those of this assignment stay only until they are done, so that the map does not
   * grow.
   */
  readonly refused: Map<bigint, RefusalState>;
  /** the offset and the size in bytes of each record that is not done, the lowest offset first */
  private readonly open = new Map<bigint, number>();
  private readonly waiting = new Map<bigint, Waiting>();

  constructor(partition: number, from: bigint, refused = new Map<bigint, RefusalState>()) {
    this.partition = partition;
    this.next = from;
    this.committed = from;
    this.refused = refused;
  }

  begin(offset: bigint, bytes = 0): void {
    this.open.set(offset, bytes);
    this.openBytes += bytes;
    this.next = offset + 1n;
  }

  end(offset: bigint): void {
    this.openBytes -= this.open.get(offset) ?? 0;
    this.open.delete(offset);
    this.waiting.delete(offset);
  }

  /** @returns whether the record was not waiting before */
  markWaiting(offset: bigint, why: string): boolean {
    const { since } = this.waiting.get(offset) ?? {};
    this.waiting.set(offset, { since: since ?? new Date().toISOString(), why });
    return since === undefined;
  }

  /** Records before a committed offset are not read again, so their refusals are dropped. */
  commit(offset: bigint): void {
    this.committed = offset;
    for (const refused of this.refused.keys()) if (refused < offset) this.refused.delete(refused);
  }

  get openCount(): number {
    return this.open.size;
  }

  /** The offset to commit. All records with a lower offset are done. */
  get done(): bigint {
    const [lowest = this.next] = this.open.keys();
    return lowest;
  }

  /** The record that has waited longest; undefined if none waits. */
  get longestWaiting(): (Waiting & { readonly offset: bigint }) | undefined {
    const [first] = [...this.waiting].toSorted(([, a], [, b]) => (a.since < b.since ? -1 : 1));
    return first && { offset: first[0], ...first[1] };
  }
}
