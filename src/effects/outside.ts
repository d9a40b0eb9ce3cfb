import type { Outside } from '../log/history/outside.js';
import type { EventDraft } from '../order/events.js';
import type { Order } from '../order/order.js';
import { beginRestore, endRestore, restoreStock } from './inventory/stock-restore.js';

/** The external system that orders' effects change and their logs can restore: stock. */
export const stockOutside: Outside<Order, EventDraft> = {
  beginRestore,
  endRestore,
  restore: restoreStock,
};
