import { condition, defineUpdate, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Phase } from './bare-messages.js';

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '10s' });

/**
 * Runs the first phase, and then one more phase for each update. It stays open, as an order does.
 */
export async function bare(phases: readonly Phase[]): Promise<void> {
  setHandler(defineUpdate<void, [number]>('begin'), (phase) => void perform(phases[phase] ?? []));
  await perform(phases[0] ?? []);
  await condition(() => false);
}

async function perform(phase: Phase): Promise<void> {
  for (const atOnce of phase) await Promise.all(Array.from({ length: atOnce }, () => nothing()));
}
