import { Type } from 'typebox';
import { HttpProblem, problemsOf } from '../problem.js';
import { closed } from '../schemas/values.js';
import type { ViewOfOrders } from '../../views/view.js';
import { viewNamed, views } from '../../views/views.js';

export const NamePath = closed({ name: Type.String({ maxLength: 64 }) });
/** Refusals of a request to rebuild, roll back, retry or skip. */
export const projectionRefusals = problemsOf(400, 404, 409, 503);
export const tags = ['operations'];

/** @throws HttpProblem 404 */
export function existingView(name: string): ViewOfOrders {
  const view = viewNamed(name);
  if (view === undefined) throw viewNotFound(name);
  return view;
}

function viewNotFound(name: string): HttpProblem {
  const names = views.map((view) => view.name).join(', ');
  return new HttpProblem(404, 'projection_not_found', `There is no view ${name}. There are ${names}.`);
}
