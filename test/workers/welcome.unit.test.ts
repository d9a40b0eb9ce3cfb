import { describe, expect, test } from '@jest/globals';
import type { Role } from '../../src/server/config/roles.js';
import { type Started, welcome } from '../../workers/welcome.js';

const all: Started = {
  hasServers: true,
  api: 'http://127.0.0.1:8080',
  temporalUi: 'http://127.0.0.1:8233/namespaces/default/workflows',
};

function text(started: Started, ...roles: Role[]): string {
  return welcome(started, new Set(roles), 12_345);
}

test('with all roles, it has the addresses, the time since the start, and a first order', () => {
  const said = text(all, 'write', 'read', 'worker', 'feed');
  expect(said).toMatch(/^\nReady in 12\.3 s\. Ctrl-C stops everything; the data stays\.\n/);
  expect(said).toContain('  Page             http://127.0.0.1:8080/\n');
  expect(said).toContain('  API              http://127.0.0.1:8080\n');
  expect(said).toContain('  Temporal Web UI  http://127.0.0.1:8233/namespaces/default/workflows\n');
  expect(said).toMatch(/Create an order:\n\n {2}curl -s http:\/\/127\.0\.0\.1:8080\/v1\/orders -H .* -d '\{/);
  expect(said).toContain('npx orders --help');
});

test('with authentication on, it says how to get a key and where to use it', () => {
  expect(text(all, 'write')).toContain('Authentication is off (AUTH=off): everybody on this machine may');
  const said = text({ ...all, isAuthOn: true }, 'write');
  expect(said).toContain('npx orders keys create');
  expect(said).toContain('-H "authorization: Bearer $ORDERS_KEY"');
});

test('it has the address of operations if they have a port of their own', () => {
  expect(text(all, 'read')).not.toContain('Operations');
  const split = { ...all, operations: 'http://127.0.0.1:9090' };
  expect(text(split, 'read')).toContain('  Operations       http://127.0.0.1:9090\n');
});

describe('it names only what the roles of the process can do', () => {
  const elsewhere: Started = { hasServers: false, api: all.api ?? '' };

  test('write: an order can be created', () => {
    expect(text(elsewhere, 'write')).toContain('Create an order:');
    expect(text(elsewhere, 'write')).not.toContain('Page');
  });

  test('read: orders can be listed, not created', () => {
    const said = text(elsewhere, 'read');
    expect(said).not.toContain(' -d ');
    expect(said).toContain('curl -s http://127.0.0.1:8080/v1/orders\n');
  });

  test.each<Role>(['worker', 'feed'])('%s: it has no address', (role) => {
    expect(text({ hasServers: false }, role)).toBe('\nReady in 12.3 s. Ctrl-C stops it.\n\n');
  });
});
