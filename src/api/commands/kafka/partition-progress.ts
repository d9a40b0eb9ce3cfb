/** Why a record is not done yet. */
export interface Waiting {
  /** ISO-8601 UTC */
  readonly since: string;
  readonly why: string;
}

/** How far a partition is read, and how much of it is done: an offset is committed when all before it are. */
export class PartitionProgress {
  readonly partition: number;
  /** from where to read on */
  next: bigint;
  committed: bigint;
  /** why it cannot be read now */
  failure: string | undefined;
  /** of the records that are not done */
  openBytes = 0;
  /**
   * The offsets of commands that were refused, from `committed` on: with the problem, if it may
   * lack in the topic of refusals.
   */
  readonly refused: Map<bigint, string | undefined>;
  /** the offsets that are not done, the lowest first, and their bytes */
  private readonly open = new Map<bigint, number>();
  private readonly waiting = new Map<bigint, Waiting>();

  constructor(partition: number, from: bigint, refused = new Map<bigint, string | undefined>()) {
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

  /** @returns whether it is the first time */
  wait(offset: bigint, why: string): boolean {
    const { since } = this.waiting.get(offset) ?? {};
    this.waiting.set(offset, { since: since ?? new Date().toISOString(), why });
    return since === undefined;
  }

  /** Everything before this offset is committed, and is not read again. */
  commit(offset: bigint): void {
    this.committed = offset;
    for (const refused of this.refused.keys()) if (refused < offset) this.refused.delete(refused);
  }

  get openCount(): number {
    return this.open.size;
  }

  /** All before it is done. */
  get done(): bigint {
    const [lowest = this.next] = this.open.keys();
    return lowest;
  }

  /** The record that waits for the longest time. */
  get longestWaiting(): (Waiting & { readonly offset: bigint }) | undefined {
    const [first] = [...this.waiting].toSorted(([, a], [, b]) => (a.since < b.since ? -1 : 1));
    return first && { offset: first[0], ...first[1] };
  }
}
