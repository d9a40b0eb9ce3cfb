import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CommandEntry } from '../../../src/api/commands/entry.js';
import { type CommandDeps, registerCommands } from '../../../src/api/commands/routes.js';
import { commands, routeOf } from '../../../src/api/commands/table.js';
import type { Http } from '../../../src/api/http.js';
import { registerDocs } from '../../../src/api/reference/docs.js';
import { createHttp } from '../../../src/api/server.js';
import { type CommandType, followUpTypes, segments } from '../../../src/order/commands.js';
import type { Secrets } from '../../../src/server/config/secrets.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { runWithoutTemporal } from '../../cli/without-temporal.js';

const types: readonly CommandType[] = ['CreateOrder', ...followUpTypes];
const entries = types.map((type): [CommandType, CommandEntry] => [type, commands[type]]);

interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly 'x-scope'?: string;
  readonly requestBody: { readonly content: Readonly<Record<string, { readonly schema: BodySchema }>> };
}
interface BodySchema {
  readonly properties?: object;
  readonly additionalProperties: boolean;
}

let app: Http;
let operations: ReadonlyMap<string, Operation>;

beforeAll(async () => {
  app = await createHttp(createLogger('silent'));
  await registerDocs(app);
  const secret: Secrets = [`whsec_${Buffer.from('a secret of 24 characters').toString('base64')}`];
  // No request is sent, so nothing that the routes depend on is used.
  registerCommands(app, { secrets: { payments: secret, carriers: secret } } as CommandDeps);
  await app.ready();
  const { paths } = (await app.inject('/openapi.json')).json<{
    paths: Record<string, { post?: Operation }>;
  }>();
  operations = new Map(
    Object.entries(paths).flatMap(([path, { post }]) => (post === undefined ? [] : [[path, post]])),
  );
});

afterAll(() => app.close());

test('every command of the order has one entry', () => {
  expect(Object.keys(commands).toSorted()).toEqual(types.toSorted());
});

test('commands have different paths, verbs and segments', () => {
  expect(new Set(types.map(routeOf)).size).toBe(types.length);
  expect(new Set(entries.map(([, { verb }]) => verb)).size).toBe(types.length);
  expect(new Set(Object.values(segments)).size).toBe(followUpTypes.length);
});

test('only commands that move money need the scope of money', () => {
  const ofMoney = entries.filter(([, { scope }]) => scope === 'money:write').map(([type]) => type);
  expect(ofMoney).toEqual(['CapturePayment', 'WriteOffCapture', 'RefundPayment']);
});

test('OpenAPI has no command that the table lacks', () => {
  const paths = [...operations].filter(([, { tags }]) => tags.includes('commands')).map(([path]) => path);
  expect(paths.toSorted()).toEqual(types.map(openApiPath).toSorted());
});

describe.each(entries)('%s', (type, { summary, scope, verb, fields, examples }) => {
  test('has a route, and an operation in OpenAPI with the members of its body', () => {
    expect(app.hasRoute({ method: 'POST', url: routeOf(type) })).toBe(true);
    const operation = operations.get(openApiPath(type));
    expect(operation).toMatchObject({ summary, 'x-scope': scope });
    const body = operation?.requestBody.content['application/json']?.schema;
    expect(body?.additionalProperties).toBe(false);
    expect(Object.keys(body?.properties ?? {}).toSorted()).toEqual(Object.keys(fields).toSorted());
  });

  test('has a script, whose help shows the summary, every field and the examples', async () => {
    const { exitCode, out } = await runWithoutTemporal(`${verb} --help`);
    expect(exitCode).toBe(0);
    for (const said of [summary, ...examples]) expect(out).toContain(said);
    for (const { flags } of Object.values(fields).flat())
      expect(out).toContain(flags.replace(/^<(.*)>$/, '$1'));
  });
});

test('docs/reference/commands.md lists the commands as the table does', async () => {
  const docs = await readFile(new URL('../../../docs/reference/commands.md', import.meta.url), 'utf8');
  expect(docs).toContain(listOfCommands());
});

function openApiPath(type: CommandType): string {
  return routeOf(type).replaceAll(/:(\w+)/g, '{$1}');
}

/** The table of docs/reference/commands.md, with its columns aligned as prettier aligns them. */
function listOfCommands(): string {
  const rows = entries.map(([type, { verb, scope, summary }]) => [
    `\`${type}\``,
    `\`POST ${openApiPath(type)}\``,
    `\`orders ${verb}\``,
    `\`${scope}\``,
    summary,
  ]);
  const all = [['command', 'route', 'script', 'scope', 'what it does'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const [heading = '', ...lines] = all.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [heading, rule, ...lines].join('\n');
}
