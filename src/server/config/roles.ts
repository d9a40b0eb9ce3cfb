import { bad, type Env, value } from './variables.js';

export const ROLES = ['write', 'read', 'worker', 'feed', 'kafka'] as const;
export type Role = (typeof ROLES)[number];

export function readRoles(env: Env): ReadonlySet<Role> {
  const given = value(env, 'ROLES');
  if (given === undefined)
    return new Set(ROLES.filter((role) => role !== 'kafka' || value(env, 'KAFKA_BROKERS') !== undefined));
  const roles = given.split(',').map((name) => {
    const role = ROLES.find((one) => one === name.trim());
    if (role === undefined) throw bad('ROLES', given, `any of ${ROLES.join(',')}`);
    return role;
  });
  return new Set(roles);
}
