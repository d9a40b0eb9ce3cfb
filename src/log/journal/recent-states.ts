/** The latest known states of entities. The least recently kept are dropped. */
export class RecentStates<S extends { readonly orderId: string; readonly version: number }> {
  private readonly limit: number;
  /** in the sequence in which they were last kept */
  private readonly states = new Map<string, S>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get(orderId: string): S | undefined {
    return this.states.get(orderId);
  }

  /** Keeps a state, unless a newer one is kept. */
  keep(state: S): void {
    const { orderId, version } = state;
    const known = this.states.get(orderId);
    this.states.delete(orderId);
    this.states.set(orderId, known !== undefined && known.version > version ? known : state);
    const [oldest] = this.states.keys();
    if (this.states.size > this.limit && oldest !== undefined) this.states.delete(oldest);
  }

  clear(): void {
    this.states.clear();
  }
}
