import base from '../../jest.config.mjs';

const { globalSetup: _, globalTeardown: __, ...withoutServers } = base;

/**
 * Only the tests of `order`, without servers. The run fails unless they take every branch of
 * `src/order`.
 */
export default {
  ...withoutServers,
  rootDir: '../..',
  roots: ['<rootDir>/test/order'],
  collectCoverage: true,
  collectCoverageFrom: ['src/order/**/*.ts'],
  coverageDirectory: 'coverage/order',
  coverageReporters: [['text', { skipFull: true }], 'lcov'],
  coverageThreshold: { global: { branches: 100, functions: 100, lines: 100, statements: 100 } },
};
