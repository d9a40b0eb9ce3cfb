export { order } from './order.js';
export { rebuild } from './rebuild.js';
export { standing } from './standing.js';
