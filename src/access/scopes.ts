/** What a client may be allowed to do. A route names the scope that it needs. */
export const scopes = [
  'orders:read',
  'orders:write',
  'money:write',
  'stock:write',
  'events:read',
  'webhooks:write',
  'persons:read',
  'persons:erase',
  'act-as',
  'ops',
  'admin',
] as const;
export type Scope = (typeof scopes)[number];

/** The scopes among these names. Other names, such as scopes of another API, are ignored. */
export function scopesIn(names: readonly unknown[]): ReadonlySet<Scope> {
  return new Set(scopes.filter((scope) => names.includes(scope)));
}
