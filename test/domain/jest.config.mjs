import base from '../../jest.config.mjs';

const { globalSetup: _, globalTeardown: __, ...withoutServers } = base;

/** The domain's tests alone: no servers, and every branch of `src/domain` taken, or the run fails. */
export default {
  ...withoutServers,
  rootDir: '../..',
  roots: ['<rootDir>/test/domain'],
  collectCoverage: true,
  collectCoverageFrom: ['src/domain/**/*.ts'],
  coverageDirectory: 'coverage/domain',
  coverageReporters: ['text-summary', 'lcov'],
  coverageThreshold: { global: { branches: 100, functions: 100, lines: 100, statements: 100 } },
};
