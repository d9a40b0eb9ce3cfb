import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { withoutSecrets } from '../../../src/redaction.js';
import { readConfig } from '../../../src/server/config.js';
import { ConfigError } from '../../../src/server/config/variables.js';
import { HELP } from '../../../workers/start/help.mjs';

/** The variables that `readConfig` looks at. */
function variablesRead(): readonly string[] {
  const read = new Set<string>();
  readConfig(
    new Proxy<Record<string, string | undefined>>(
      {},
      {
        get(_env, name) {
          if (typeof name === 'string') read.add(name);
          return undefined;
        },
      },
    ),
  );
  return [...read];
}

const reference = readFileSync(join(process.cwd(), 'docs', 'reference', 'variables.md'), 'utf8');

test.each(variablesRead())('%s is in the help of `npm start` and in the reference', (name) => {
  const word = new RegExp(`\\b${name}\\b`);
  expect(HELP).toMatch(word);
  expect(reference).toMatch(word);
});

test('the help names only variables that are read', () => {
  const named = HELP.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? [];
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !variablesRead().includes(name))).toEqual([]);
});

describe('a secret may come from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'orders-secrets-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Writes a file as a container's runtime does: with a line end after the content. */
  function fileWith(content: string): string {
    const path = join(folder, 'secret');
    writeFileSync(path, `${content}\n`);
    return path;
  }

  const kafka = { KAFKA_BROKERS: 'localhost:9092', KAFKA_USERNAME: 'orders' };
  const webhook = (byte: number) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`;
  const secrets: readonly {
    readonly name: string;
    readonly value: string;
    /** the part that is secret, if it is not all of it */
    readonly hidden?: string;
    readonly others?: Readonly<Record<string, string>>;
  }[] = [
    { name: 'MONGODB_URI', value: 'mongodb://ada:swordfish-1@127.0.0.1:1/', hidden: 'swordfish-1' },
    { name: 'KEYS_MONGODB_URI', value: 'mongodb://ada:swordfish-2@127.0.0.1:1/', hidden: 'swordfish-2' },
    { name: 'TEMPORAL_API_KEY', value: 'an-api-key-of-temporal' },
    { name: 'CURSOR_SECRET', value: 'a cursor secret of this test' },
    { name: 'PAYMENTS_WEBHOOK_SECRET', value: webhook(11) },
    { name: 'CARRIERS_WEBHOOK_SECRET', value: webhook(12) },
    { name: 'KAFKA_PASSWORD', value: 'a-password-of-kafka', others: kafka },
  ];

  test('if it is one of these, or the master keys, which are always in a file', () => {
    const files = variablesRead().filter((name) => name.endsWith('_FILE'));
    const named = [...secrets.map(({ name }) => `${name}_FILE`), 'MASTER_KEY_FILE'];
    expect(files.toSorted()).toEqual(named.toSorted());
  });

  test.each(secrets)('$name', ({ name, value, hidden = value, others = {} }) => {
    const fromFile = readConfig({ ...others, [`${name}_FILE`]: fileWith(value) });
    // The value is hidden wherever it appears, not only in its variable.
    expect(withoutSecrets(`It is ${hidden}.`)).toBe('It is ***.');
    expect(fromFile).toEqual(readConfig({ ...others, [name]: value }));
    expect(JSON.stringify(fromFile)).toContain(value);
  });

  test.each(secrets)(
    'but not from two places, from none or from an empty one: $name',
    ({ name, value, others }) => {
      const read = (env: Readonly<Record<string, string>>) => () => readConfig({ ...others, ...env });
      expect(read({ [name]: value, [`${name}_FILE`]: fileWith(value) })).toThrow(
        `${name} and ${name}_FILE are both set: unset one of them.`,
      );
      expect(read({ [`${name}_FILE`]: fileWith('') })).toThrow(`${name}_FILE names an empty file`);
      const missing = read({ [`${name}_FILE`]: '/no/such' });
      expect(missing).toThrow(ConfigError);
      expect(missing).toThrow(
        `${name}_FILE=/no/such cannot be used: expected the path of a file that can be read.`,
      );
    },
  );

  test('with one secret per line for a rotation', () => {
    const path = fileWith(`${webhook(13)}\n${webhook(14)}`);
    const { secrets: read } = readConfig({ PAYMENTS_WEBHOOK_SECRET_FILE: path });
    expect(read.paymentsWebhook).toEqual([webhook(13), webhook(14)]);
  });
});
