/**
 * Remembers values for a short time. All are dropped `forMs` after the first of them was kept. If
 * there are more than `most`, the oldest are dropped earlier.
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
