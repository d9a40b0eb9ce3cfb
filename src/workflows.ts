import type { EntityEnd, RunInput } from './log/workflow/inputs.js';
import { run } from './log/workflow/run.js';
import { type Endpoint, endpoints } from './endpoint/endpoint.js';
import { orders } from './order/entity.js';
import type { Order } from './order/order.js';

/** The workflows that a worker runs. Their names are workflow types, which are persisted. */
export { rebuildData, reconcileAll } from './log/workflow/system-workflows.js';
export { forgetPersonWorkflow as forgetPerson } from './forgetting/workflow.js';

export async function order(input: RunInput<Order>): Promise<EntityEnd> {
  return await run(orders, input);
}

export async function endpoint(input: RunInput<Endpoint>): Promise<EntityEnd> {
  return await run(endpoints, input);
}
