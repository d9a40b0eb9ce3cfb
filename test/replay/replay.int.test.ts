import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
import { DefaultLogger, type InjectedSinks, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { StoredEvent } from '../../src/domain/events.js';
import { isSameEvent } from '../../src/event-log/journal.js';
import type { Step } from '../../src/workflows/messages.js';
import { storedRuns } from '../golden/stored-events.js';
import { workflowBundle } from '../workflows/support.js';
import { historyFile, storedHistories } from './histories.js';
import { paths } from './paths.js';
import type { StepSinks } from './step-probe.js';

let histories: Awaited<ReturnType<typeof storedHistories>>;
beforeAll(async () => {
  histories = await storedHistories();
});

test.each(Object.keys(paths))('the history of an order that was "%s" is stored', (path) => {
  // Where not: `npm run histories` records all paths anew. Keep the old files; they are what running orders look like.
  expect(existsSync(historyFile(path, 0))).toBe(true);
});

test('every stored history replays: today’s code takes an order over from yesterday’s', async () => {
  const bundle = await workflowBundle();
  for (const [name, history] of histories) {
    await Worker.runReplayHistory({ workflowBundle: bundle, replayName: name }, history);
  }
  expect(histories.size).toBeGreaterThanOrEqual(Object.keys(paths).length);
}, 240_000);

test('what every stored history has decided is decided again: an order in flight is no fork', async () => {
  const bundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
    workflowInterceptorModules: [fileURLToPath(new URL('step-probe.ts', import.meta.url))],
    logger: new DefaultLogger('ERROR'),
  });
  const stored = await storedRuns();
  for (const [name, history] of histories) {
    const steps: Step[] = [];
    const sinks: InjectedSinks<StepSinks> = {
      probe: { step: { fn: (_info, step) => void steps.push(step), callDuringReplay: true } },
    };
    await Worker.runReplayHistory({ workflowBundle: bundle, replayName: name, sinks }, history);
    const was = stored.get(name)?.events ?? [];
    const decided = steps.flatMap(({ events }) => events);
    const others = was.filter((event, at) => !isDecidedAgain(event, decided[at]));
    expect([name, decided.length, others]).toEqual([name, was.length, []]);
  }
}, 240_000);

/** `OrderCreated@1` was written with the time of the first task; since then it has the time at which the order was accepted. */
function isDecidedAgain(stored: StoredEvent, decided: StoredEvent | undefined): boolean {
  if (decided === undefined) return false;
  const hasOtherTime = stored.type === 'OrderCreated' && stored.schemaVersion === 1;
  return isSameEvent(hasOtherTime ? { ...stored, occurredAt: decided.occurredAt } : stored, decided);
}
