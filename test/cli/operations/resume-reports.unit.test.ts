import { expect, test } from '@jest/globals';
import { addReport, MAX_KEPT, nothingResumed } from '../../../src/cli/operations/resumed.js';
import { leftForOperator, resumedLines } from '../../../src/cli/operations/resume-reports.js';
import type { ResumeReport } from '../../../src/log/resume/resume-report.js';

const remedy = 'restore a backup';

function report(outcome: ResumeReport['outcome'], changes: Partial<ResumeReport> = {}): ResumeReport {
  return { orderId: 'o-1', outcome, detail: '', recorded: [], setAside: [], messages: [], ...changes };
}

function resumed(entity: string, reports: Iterable<ResumeReport>) {
  const all = nothingResumed(entity);
  for (const one of reports) addReport(all, one);
  return all;
}

function* many(count: number, one: ResumeReport) {
  for (let made = 0; made < count; made += 1) yield one;
}

const lines = (...all: readonly ReturnType<typeof resumed>[]) => resumedLines(all, (_, text) => text);

test('a report that needs an operator is kept, however many orders were resumed before', () => {
  const orders = resumed('order', [
    ...many(MAX_KEPT + 5, report('resumed')),
    report('incomplete', { orderId: 'o-9', remedy }),
  ]);
  expect(orders).toMatchObject({ looked: 10_006, counts: { resumed: 10_005, incomplete: 1 }, omitted: 5 });
  expect(orders.orders).toHaveLength(MAX_KEPT + 1);
  expect(leftForOperator([orders])).toBe(`1 order needs an operator; for the first: ${remedy}`);
  const text = lines(orders);
  expect(text[0]).toBe('10,006 orders checked: 10,005 resumed, 1 incomplete');
  expect(text[2]).toMatch(/^o-9 +incomplete +; restore a backup$/);
  expect(text.at(-1)).toBe('and 9,955 more');
});

test('entities that are well are counted and not listed, and need nobody', () => {
  const orders = resumed('order', [report('running'), report('ended')]);
  expect(lines(orders, resumed('endpoint', []))).toEqual(['2 orders checked: nothing to resume']);
  expect(leftForOperator([orders])).toBeUndefined();
});

test('a workflow that runs is listed if its journal was repaired', () => {
  const orders = resumed('order', [report('running', { recorded: [3] })]);
  expect(lines(orders)).toEqual([
    '1 order checked: 1 running',
    expect.stringMatching(/^ORDER/),
    expect.stringContaining('recorded first: versions 3'),
  ]);
});

test('endpoints are listed below the orders, and count for the exit code', () => {
  const endpoints = resumed('endpoint', [...many(2, report('contradiction', { remedy }))]);
  expect(lines(nothingResumed('order'), endpoints)).toEqual([
    '0 orders checked: nothing to resume',
    '2 endpoints checked: 2 contradiction',
    expect.stringMatching(/^ENDPOINT/),
    expect.any(String),
    expect.any(String),
  ]);
  const orders = resumed('order', [report('incomplete', { remedy: 'look' })]);
  expect(leftForOperator([orders, endpoints])).toBe(
    '1 order and 2 endpoints need an operator; for the first: look',
  );
});
