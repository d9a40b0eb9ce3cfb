import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger, type InjectedSinks, Worker } from '@temporalio/worker';
import type { OrderEvent, StoredEvent } from '../../src/order/events.js';
import { upcast } from '../../src/order/upcasters.js';
import { storedRuns } from '../golden/stored-events.js';
import { historyFile, storedHistories } from './histories.js';
import { paths } from './paths.js';
import type { ProbeSinks } from './state-probe.js';

let histories: Awaited<ReturnType<typeof storedHistories>>;
beforeAll(async () => {
  histories = await storedHistories();
});

test.each(Object.keys(paths))('a history of an order that was "%s" is stored', (path) => {
  // If not: `npm run histories -- -t '<path>'` records it. Keep the old files, because running
  // orders have such histories.
  expect(existsSync(historyFile(path, 0))).toBe(true);
});

test('every stored history replays, and every decision is the same', async () => {
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../src/workflows.ts', import.meta.url)),
    workflowInterceptorModules: [fileURLToPath(new URL('state-probe.ts', import.meta.url))],
    logger: new DefaultLogger('ERROR'),
  });
  const runs = await storedRuns();
  for (const [name, history] of histories) {
    const decided: StoredEvent[] = [];
    const sinks: InjectedSinks<ProbeSinks> = {
      probe: {
        state: { fn: () => undefined, callDuringReplay: true },
        step: { fn: (_info, step) => void decided.push(...step.events), callDuringReplay: true },
      },
    };
    await Worker.runReplayHistory({ workflowBundle, replayName: name, sinks }, history);
    const stored = runs.get(name)?.events ?? [];
    const hasOtherTime = stored.some(
      ({ type, schemaVersion }) => type === 'OrderCreated' && schemaVersion === 1,
    );
    expect([name, logOf(decided, hasOtherTime)]).toEqual([name, logOf(stored, hasOtherTime)]);
    expect(stored.length).toBeGreaterThan(0);
  }
  expect(histories.size).toBeGreaterThanOrEqual(Object.keys(paths).length);
}, 240_000);

/**
 * Each event once, by version, in the current shape.
 *
 * @param hasOtherTime `OrderCreated@1` had the time of the first task; newer versions have the time
 *   of acceptance
 */
function logOf(events: readonly StoredEvent[], hasOtherTime: boolean): readonly OrderEvent[] {
  const log = events.map((event) => upcast(event));
  const timeless = ({ type }: OrderEvent) => hasOtherTime && type === 'OrderCreated';
  const byVersion = new Map(
    log.map((event) => [event.version, timeless(event) ? { ...event, occurredAt: '' } : event]),
  );
  return [...byVersion.values()].toSorted((one, other) => one.version - other.version);
}
