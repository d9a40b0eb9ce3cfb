import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Http } from '../../../src/api/http.js';
import { registerDocs } from '../../../src/api/reference/docs.js';
import { eventSchemas } from '../../../src/api/reference/event-schemas.js';
import { problems } from '../../../src/api/reference/problems.js';
import { createHttp } from '../../../src/api/server.js';
import { forkedReason } from '../../../src/log/journal/stops.js';
import { logs } from '../../../src/entity-logs.js';
import { eventMeanings, type EventType, schemaVersions } from '../../../src/order/events.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import type { JsonSchema } from '../../golden/event-schemas.js';

const sources = readdirSync('src', { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => !path.startsWith('src/cli') && !path.endsWith('reference/problems.ts'))
  .map((path) => readFileSync(path, 'utf8'));

/** The ways in which the sources give a refusal its code. */
const ways = [
  /new HttpProblem\(\s*\d+,\s*'(\w+)'/g,
  /\brefuse\(\s*'\w+',\s*'(\w+)'/g,
  /\binvalid\(\s*'(\w+)'/g,
  /new (?:NotAuthenticated|CountRefused)\(\s*'(\w+)'/g,
  /\[\s*[45]\d\d,\s*'(\w+)'/g,
  /kind: '\w+',\s*code: '(\w+)'/g,
  /notFound: \{\s*code: '(\w+)'/g,
  /(?<=readonly code:[^;]*)'(\w+_\w+)'/g,
];

/** The codes that are made of the name of an entity. */
const ofEntities: readonly string[] = logs.map((log) => forkedReason(log, 'an-id', 'a detail').code);

const thrown = new Set([
  ...ways.flatMap((way) => sources.flatMap((text) => [...text.matchAll(way)].map(([, code = '']) => code))),
  ...ofEntities,
]);

describe('every problem', () => {
  test('in the sources has a page with its cause and remedy', () => {
    expect(thrown.size).toBeGreaterThan(60);
    expect([...thrown].filter((code) => !Object.hasOwn(problems, code)).toSorted()).toEqual([]);
  });

  test('with a page occurs in the sources', () => {
    const all = sources.join('\n');
    const unused = Object.keys(problems).filter((code) => !all.includes(`'${code}'`));
    expect(unused.filter((code) => !ofEntities.includes(code))).toEqual([]);
  });

  test.each(Object.entries(problems))('%s: its page is in sentences', (_, { cause, remedy }) => {
    for (const text of [cause, remedy]) expect(text).toMatch(/^[A-Z`].*\.$/s);
  });
});

test('the reference says for each event when it happens, and the docs have the same list', () => {
  const docs = readFileSync('docs/reference/events.md', 'utf8');
  const rows = docs.split('\n').filter((line) => line.startsWith('| `'));
  expect(
    rows.map((row) =>
      row
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    ),
  ).toEqual(
    Object.entries(schemaVersions).map(([type, version]) => [
      `\`${type}\``,
      String(version),
      eventMeanings[type as EventType],
      membersOf(eventSchemas[type]),
    ]),
  );
});

/** \`amount\`, and in brackets what may be absent. */
function membersOf(schema: JsonSchema = {}): string {
  return Object.keys(schema.properties ?? {})
    .map((name) => (schema.required?.includes(name) ? `\`${name}\`` : `[\`${name}\`]`))
    .join(' ');
}

describe('the pages of the reference', () => {
  let app: Http;
  beforeAll(async () => {
    app = await createHttp(createLogger('silent'));
    await registerDocs(app);
    await app.ready();
  });
  afterAll(() => app.close());

  test('load no fonts, code or numbers from elsewhere', async () => {
    const { body } = await app.inject('/docs/js/start.js');
    const [, configuration = ''] = /createApiReference\('#app', (.*)\)/.exec(body) ?? [];
    expect(JSON.parse(configuration)).toMatchObject({
      withDefaultFonts: false,
      telemetry: false,
      showDeveloperTools: 'never',
    });
  });

  test('of problems are at the address in each problem’s type', async () => {
    const refused = (await app.inject('/nothing')).json<{ code: string; help: string }>();
    expect(refused).toMatchObject({ code: 'unknown_path', help: '/docs/problems/unknown_path' });
    const page = await app.inject(refused.help);
    expect(page).toMatchObject({ statusCode: 200 });
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).toContain(`<h1><code>unknown_path</code></h1>`);
    expect(page.body).toContain('There is no such route');
  });

  test('of problems list those problems, and no others', async () => {
    const { body } = await app.inject('/docs/problems/');
    for (const code of Object.keys(problems)) expect(body).toContain(`<a href="${code}">${code}</a>`);
    expect(await app.inject('/docs/problems/toString')).toMatchObject({ statusCode: 404 });
  });
});
