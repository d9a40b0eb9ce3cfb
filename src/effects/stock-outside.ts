import type { OutsideRestore } from '../log/history/outside-restore.js';
import type { EventDraft } from '../order/events.js';
import type { Order } from '../order/order.js';
import { beginRestore, endRestore, restoreStock } from './inventory/stock-restore.js';

/** The external system that orders' effects change and their logs can restore: stock. */
export const stockOutside: OutsideRestore<Order, EventDraft> = {
  beginRestore,
  endRestore,
  restore: restoreStock,
};
