import { namedLog } from '../log/entity-log/entity-log.js';
import { asSummary } from '../log/workflow/temporal-ui.js';
import { endpoints } from './endpoint.js';

export const endpointLog = namedLog(endpoints, { version: 2 }, ({ url }) => ({
  staticSummary: asSummary(url),
}));
