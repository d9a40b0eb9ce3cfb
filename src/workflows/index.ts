export { order } from './order.js';
export { standing } from './standing.js';
