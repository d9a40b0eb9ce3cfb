import { notifyWaiters, untilHolds, type Waiters } from '../../concurrency/until-holds.js';

export interface EntityListener {
  /** True if the entity may have new events; false if time is up or `signal` aborts first. */
  next(signal: AbortSignal, withinMs: number): Promise<boolean>;
  close(): void;
}

/** Notifies listeners of the events of single entities. */
export class EntityListeners {
  private readonly byEntity = new Map<string, Set<() => void>>();

  add(orderId: string): EntityListener {
    const waiters: Waiters = new Set();
    let hasNews = false;
    const notify = (): void => {
      hasNews = true;
      notifyWaiters(waiters);
    };
    const all = this.byEntity.get(orderId) ?? new Set();
    this.byEntity.set(orderId, all.add(notify));
    return {
      async next(signal, withinMs) {
        await untilHolds(waiters, () => hasNews, signal, withinMs);
        const was = hasNews;
        hasNews = false;
        return was;
      },
      close: () => {
        all.delete(notify);
        if (all.size === 0) this.byEntity.delete(orderId);
      },
    };
  }

  /** Notifies the listeners of the entities of these events. */
  notify(events: readonly { readonly orderId: string }[]): void {
    if (this.byEntity.size === 0) return;
    const orderIds = new Set(events.map(({ orderId }) => orderId));
    for (const orderId of orderIds) for (const notify of this.byEntity.get(orderId) ?? []) notify();
  }

  notifyAll(): void {
    for (const listeners of this.byEntity.values()) for (const notify of listeners) notify();
  }
}
