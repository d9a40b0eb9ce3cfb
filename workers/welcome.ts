import type { Role } from '../src/server/config/roles.js';

/** What a process has started. */
export interface Started {
  /** true if this process uses embedded servers, whichever process started them */
  readonly hasServers: boolean;
  /** `http://host:port`; absent if no role has an API */
  readonly api?: string;
  /** address of operations, if they have a separate port */
  readonly operations?: string;
  /** address of the liveness check, if it has a separate port */
  readonly health?: string;
  /** false with AUTH=off, which is the default */
  readonly isAuthOn?: boolean;
  readonly temporalUi?: string;
}

/**
 * The text that a process prints when it is ready: how long it took, and first steps, which depend
 * on its roles.
 *
 * The demo (`src/cli/sandbox/demo/stack.ts`) reads from this text that the process is ready, and
 * the lines `API` and `Temporal Web UI`.
 *
 * @param tookMs time since the process started
 */
export function welcome(
  { hasServers, api, operations, health, isAuthOn = false, temporalUi }: Started,
  roles: ReadonlySet<Role>,
  tookMs: number,
): string {
  const addresses = [
    ...(api === undefined || !roles.has('read') ? [] : [`  Page             ${api}/`]),
    ...(api === undefined ? [] : [`  API              ${api}`, `  Reference        ${api}/docs`]),
    ...(operations === undefined ? [] : [`  Operations       ${operations}`]),
    ...(health === undefined ? [] : [`  Health           ${health}`]),
    ...(temporalUi === undefined ? [] : [`  Temporal Web UI  ${temporalUi}`]),
  ];
  const end = hasServers ? 'Ctrl-C stops everything; the data stays.' : 'Ctrl-C stops it.';
  const paragraphs = [
    [`Ready in ${(tookMs / 1_000).toFixed(1)} s. ${end}`],
    ...(addresses.length === 0 ? [] : [addresses]),
    ...(api === undefined
      ? []
      : [[authentication(isAuthOn)], ...firstSteps(api, roles, isAuthOn), ['  npx orders --help']]),
  ];
  return `\n${paragraphs.map((lines) => `${lines.join('\n')}\n`).join('\n')}\n`;
}

function authentication(isOn: boolean): string {
  return isOn
    ? 'Authentication is on. The first key: npx orders keys create --name <client> --scopes <scope,…>'
    : 'Authentication is off (AUTH=off): everybody on this machine may do everything.';
}

function firstSteps(
  api: string,
  roles: ReadonlySet<Role>,
  isAuthOn: boolean,
): readonly (readonly string[])[] {
  const key = isAuthOn ? ' -H "authorization: Bearer $ORDERS_KEY"' : '';
  if (roles.has('write')) return [['Create an order:'], [`  ${createWithCurl(api, key)}`]];
  return [['List the orders:'], [`  curl -s ${api}/v1/orders${key}`]];
}

function createWithCurl(api: string, key: string): string {
  const order = {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
    payment: { method: 'tok_ok' },
  };
  return `curl -s ${api}/v1/orders -H 'content-type: application/json'${key} -d '${JSON.stringify(order)}'`;
}
