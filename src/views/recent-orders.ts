import type { Order } from '../order/order.js';

/** Orders as they were after the last event that was seen of each. The least recently seen make room. */
export class RecentOrders {
  private readonly limit: number;
  /** in the order in which they were seen */
  private readonly orders = new Map<string, Order>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get(orderId: string): Order | undefined {
    return this.orders.get(orderId);
  }

  /** Keeps an order, unless a newer one is kept. */
  keep(order: Order): void {
    const { orderId, version } = order;
    const known = this.orders.get(orderId);
    this.orders.delete(orderId);
    this.orders.set(orderId, known !== undefined && known.version > version ? known : order);
    const [oldest] = this.orders.keys();
    if (this.orders.size > this.limit && oldest !== undefined) this.orders.delete(oldest);
  }

  clear(): void {
    this.orders.clear();
  }
}
