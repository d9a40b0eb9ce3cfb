import { expect, test } from '@jest/globals';
import { entityOption } from '../src/cli/script/options.js';
import { logNamed, logs } from '../src/logs.js';
import { usageErrorOf } from './cli/command-line.js';

const byName = logs.map((log) => [log.entity.name, log] as const);

test.each(byName)('scripts take --entity %s', (name, log) => {
  expect(entityOption().argChoices).toContain(name);
  expect(logNamed(name)).toBe(log);
});

test.each(byName)(
  'the remedies for an entity of the kind %s name commands that exist',
  (name, { commands }) => {
    const { resume, verify, events } = commands;
    for (const command of [resume, verify, events]) {
      if (command === undefined) continue;
      const [, line = ''] = /^npx orders (.+)$/.exec(command('id-1')) ?? [];
      expect({ line, fault: usageErrorOf(line) }).toEqual({
        line: expect.stringMatching(/./),
        fault: undefined,
      });
      expect(line).toContain('id-1');
    }
    if (name !== 'order')
      for (const command of [resume, verify]) expect(command('id-1')).toContain(`--entity ${name}`);
  },
);
