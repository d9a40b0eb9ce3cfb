import { Type } from 'typebox';
import { storesOf } from '../../log/entity-log/entity-log.js';
import { logs } from '../../entity-logs.js';
import type { OrderFeedView } from '../../views/order-feed-view.js';
import { viewNamed, views } from '../../views/views.js';
import { HttpProblem } from '../problem.js';
import { closed } from './values.js';

export const NamePath = closed({ name: Type.String({ maxLength: 64 }) });

/** The names of the stores: like the feed views, they can be rebuilt. */
export const storeNames = logs.flatMap(storesOf);

/** @throws HttpProblem 404 */
export function existingView(name: string): OrderFeedView {
  const view = viewNamed(name);
  if (view !== undefined) return view;
  const names = views.map((known) => known.name).join(', ');
  throw new HttpProblem(404, 'projection_not_found', `There is no view ${name}. There are ${names}.`);
}
