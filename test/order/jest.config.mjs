import base from '../../jest.config.mjs';

const { globalSetup: _, globalTeardown: __, ...withoutServers } = base;

/** The tests of `order` alone: no servers, and every branch of `src/order` taken, or the run fails. */
export default {
  ...withoutServers,
  rootDir: '../..',
  roots: ['<rootDir>/test/order'],
  collectCoverage: true,
  collectCoverageFrom: ['src/order/**/*.ts'],
  coverageDirectory: 'coverage/order',
  coverageReporters: ['text-summary', 'lcov'],
  coverageThreshold: { global: { branches: 100, functions: 100, lines: 100, statements: 100 } },
};
