import { namedLog } from '../log/journal/entity-log.js';
import { endpoints } from './endpoint.js';

/** The log of webhook endpoints. */
export const endpointLog = namedLog(endpoints, { version: 2 }, ({ url }) => ({ staticSummary: url }));
