/**
 * Remembers values for a short time: all are dropped together, at most `forMs` after each was kept.
 * If there are more than `most`, the oldest are dropped.
 */
export class ShortMemory<V> {
  private readonly forMs: number;
  private readonly most: number;
  private readonly values = new Map<string, V>();

  constructor({ forMs, most }: { readonly forMs: number; readonly most: number }) {
    this.forMs = forMs;
    this.most = most;
  }

  get(name: string): V | undefined {
    return this.values.get(name);
  }

  keep(name: string, value: V): void {
    const { values, forMs, most } = this;
    if (values.size === 0) setTimeout(() => values.clear(), forMs).unref();
    values.set(name, value);
    if (values.size > most) values.delete(values.keys().next().value ?? '');
  }
}
