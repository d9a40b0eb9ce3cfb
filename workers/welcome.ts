import type { Role } from '../src/server/config.js';

/** What a process has started. */
export interface Started {
  /** Whether it started servers, or uses those that another process started. */
  readonly hasServers: boolean;
  /** `http://host:port`; absent where no role speaks HTTP */
  readonly api?: string;
  readonly temporalUi?: string;
}

/**
 * What a process says when it is ready: what it took, and what can be done with it, which depends on its roles.
 * @param tookMs since the process began, with all that it waited for
 */
export function welcome(
  { hasServers, api, temporalUi }: Started,
  roles: ReadonlySet<Role>,
  tookMs: number,
): string {
  const addresses = [
    ...(api === undefined ? [] : [`  API              ${api}`, `  Reference        ${api}/docs`]),
    ...(temporalUi === undefined ? [] : [`  Temporal Web UI  ${temporalUi}`]),
  ];
  const end = hasServers ? 'Ctrl-C stops everything; the data stays.' : 'Ctrl-C stops it.';
  const paragraphs = [
    [`Ready in ${(tookMs / 1_000).toFixed(1)} s. ${end}`],
    ...(addresses.length === 0 ? [] : [addresses]),
    ...(api === undefined ? [] : [...firstSteps(api, roles), ['  npx orders --help']]),
  ];
  return `\n${paragraphs.map((lines) => `${lines.join('\n')}\n`).join('\n')}\n`;
}

function firstSteps(api: string, roles: ReadonlySet<Role>): readonly (readonly string[])[] {
  if (roles.has('write')) return [['Create an order:'], [`  ${createWithCurl(api)}`]];
  return [['List the orders:'], [`  curl -s ${api}/v1/orders`]];
}

function createWithCurl(api: string): string {
  const order = {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
    payment: { method: 'tok_ok' },
  };
  return `curl -s ${api}/v1/orders -H 'content-type: application/json' -d '${JSON.stringify(order)}'`;
}
