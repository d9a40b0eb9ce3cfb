import { setTimeout } from 'node:timers/promises';
import type { HttpConnection } from '../harness/http-connection.js';

interface Projections {
  readonly feed: { readonly unsequenced: number };
  readonly views: readonly {
    readonly name: string;
    readonly eventsBehind: number;
    readonly rebuildId?: string;
  }[];
  readonly stores: readonly { readonly name: string; readonly rebuildId?: string }[];
}

/** Pause between two checks, because each costs the product some queries. */
const LOOK_EVERY_MS = 50;
const CAUGHT_UP_WITHIN_MS = 60_000;

async function projections(api: HttpConnection): Promise<Projections> {
  const { body } = await api.get('/v1/projections');
  return JSON.parse(body.toString()) as Projections;
}

/**
 * Waits until every event has its position, and every feed view has every event.
 *
 * @throws Error after a minute
 */
export async function untilCaughtUp(api: HttpConnection): Promise<void> {
  const giveUpAt = Date.now() + CAUGHT_UP_WITHIN_MS;
  for (;;) {
    const { feed, views } = await projections(api);
    const behind = feed.unsequenced + Math.max(...views.map(({ eventsBehind }) => eventsBehind));
    if (behind === 0) return;
    if (Date.now() > giveUpAt) throw new Error(`The feed or a view is still ${behind} events behind.`);
    await setTimeout(LOOK_EVERY_MS);
  }
}

/**
 * Requests the rebuild of a feed view or a store, and waits until it is done.
 *
 * @returns milliseconds
 */
export async function rebuild(api: HttpConnection, name: string): Promise<number> {
  const before = performance.now();
  const { rebuildId } = await api.post<{ rebuildId: string }>(`/v1/projections/${name}/rebuild`, {}, {}, 202);
  for (;;) {
    const { views, stores } = await projections(api);
    if ([...views, ...stores].some((one) => one.name === name && one.rebuildId === rebuildId)) break;
    await setTimeout(LOOK_EVERY_MS);
  }
  return performance.now() - before;
}
