import { expect, test } from '@jest/globals';
import { logOf } from '../src/cli/arguments.js';
import { logNamed, logs } from '../src/logs.js';
import { faultIn } from './cli/command-line.js';

const byName = logs.map((log) => [log.entity.name, log] as const);

test.each(byName)('scripts take --entity %s', async (name, log) => {
  expect(await logOf(name)).toBe(log);
  expect(logNamed(name)).toBe(log);
});

test.each(byName)('the commands in the remedies for an entity of the kind %s exist', (name, { commands }) => {
  const { resume, verify, events } = commands;
  for (const command of [resume, verify, events]) {
    if (command === undefined) continue;
    const [, line = ''] = /^npx orders (.+)$/.exec(command('id-1')) ?? [];
    expect({ line, fault: faultIn(line) }).toEqual({ line: expect.stringMatching(/./), fault: undefined });
    expect(line).toContain('id-1');
  }
  if (name !== 'order')
    for (const command of [resume, verify]) expect(command('id-1')).toContain(`--entity ${name}`);
});

test('an unknown kind of entity is refused, and the known ones are named', async () => {
  await expect(logOf('nonsense')).rejects.toThrow(
    `expected one of ${byName.map(([name]) => name).join(', ')}`,
  );
});
