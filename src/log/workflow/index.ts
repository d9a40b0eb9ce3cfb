export { order } from './order.js';
export { rebuild, rollBackOrders } from './rebuild.js';
export { reconcile } from './reconcile.js';
export { standing } from './singleton.js';
