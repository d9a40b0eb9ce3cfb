import { endpointLog } from './endpoint/endpoint-log.js';
import type { AnyLog } from './log/journal/entity-log.js';
import { orderLog } from './order-log.js';

/** The logs of all kinds of entities. */
export const logs: readonly AnyLog[] = [orderLog, endpointLog];
