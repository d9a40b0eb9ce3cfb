import { expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { entityOption } from '../src/cli/script/options.js';
import { FeedTail } from '../src/log/feed/tail.js';
import { sequencerTask } from '../src/log/feed/sequencer.js';
import { cliLinesForAll } from '../src/log/entity-log/cli-lines.js';
import { logNamed, logs } from '../src/entity-logs.js';
import { orderLog } from '../src/order-log.js';
import * as workflows from '../src/workflows.js';
import { createFeedWork, leasedTaskNames } from '../workers/roles/feed-work.js';
import { usageErrorOf } from './cli/command-line.js';

const byName = logs.map((log) => [log.entity.name, log] as const);

test.each(byName)('scripts take --entity %s', (name, log) => {
  expect(entityOption().argChoices).toContain(name);
  expect(logNamed(name)).toBe(log);
});

test.each(byName)('a worker has the workflow %s', (name) => {
  expect(Object.keys(workflows)).toContain(name);
});

test.each(byName)('the feed of the kind %s has a sequencer', (_name, { feedId }) => {
  expect(leasedTasks()).toContain(sequencerTask(feedId));
});

test('readiness looks for the holder of each leased task of the feed', () => {
  expect([...leasedTaskNames].sort()).toEqual([...leasedTasks()].sort());
});

test.each(byName)(
  'the remedies for an entity of the kind %s name commands that exist',
  (name, { cliLines }) => {
    const { resume, verify, events } = cliLines;
    for (const command of [resume, verify, events]) {
      if (command === undefined) continue;
      expectToExist(command('id-1'));
      expect(command('id-1')).toContain('id-1');
    }
    if (name !== 'order')
      for (const command of [resume, verify]) expect(command('id-1')).toContain(`--entity ${name}`);
  },
);

test('the remedies for all kinds of entities name commands that exist', () => {
  const { rebuild, ...others } = cliLinesForAll;
  const rebuilds = logs.map(({ view }) => rebuild(view.collection));
  for (const command of [...Object.values(others), ...rebuilds]) expectToExist(command);
});

function leasedTasks(): readonly string[] {
  const db = new MongoClient('mongodb://127.0.0.1').db('none');
  const client = new Client({ connection: Connection.lazy() });
  const { leased } = createFeedWork({ db, client, tail: new FeedTail(orderLog, db), taskQueue: 'none' });
  return leased.map(({ name }) => name);
}

function expectToExist(command: string): void {
  const [, line = ''] = /^npx orders (.+)$/.exec(command) ?? [];
  expect({ line, fault: usageErrorOf(line) }).toEqual({
    line: expect.stringMatching(/./),
    fault: undefined,
  });
}
