/** How far a partition is read, and how much of it is done: an offset is committed when all before it are. */
export class PartitionProgress {
  /** from where to read on */
  next: bigint;
  committed: bigint;
  /** the offsets that are not done, the lowest first */
  private readonly open = new Set<bigint>();

  constructor(from: bigint) {
    this.next = from;
    this.committed = from;
  }

  begin(offset: bigint): void {
    this.open.add(offset);
  }

  end(offset: bigint): void {
    this.open.delete(offset);
  }

  get openCount(): number {
    return this.open.size;
  }

  /** All before it is done. */
  get done(): bigint {
    const [lowest = this.next] = this.open;
    return lowest;
  }
}
