import { isSystemName } from '../../access/actors.js';
import { refusedHeader } from '../problem.js';

/** @throws HttpProblem 400 if this is one of the names under which the system itself acts */
export function refuseSystemName(name: string): void {
  if (!isSystemName(name)) return;
  const detail = `${name} is a name of the system: give the name of a user or a client`;
  throw refusedHeader('on-behalf-of', 'actor_reserved', detail);
}
