import { expect, test } from '@jest/globals';
import {
  MongoAPIError,
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoRuntimeError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoUnexpectedServerResponseError,
} from 'mongodb';
import { isMongoOutage } from '../../src/outages/mongo-outage.js';
import { isServerError } from '../../src/outages/server-error.js';
import { DeadlineExceeded } from '../../src/outages/timeout.js';

function withCode(error: Error, code: string | number): Error {
  return Object.assign(error, { code });
}

/** An error of one of the driver's classes, whose constructors are internal. */
function made<E extends Error>(kind: { readonly prototype: E }, message: string, more: object = {}): E {
  const error = Object.create(kind.prototype);
  return Object.assign(error, { message, ...more });
}

test.each([
  [new MongoNetworkError('connection 3 to 127.0.0.1 closed')],
  [made(MongoServerSelectionError, 'no primary')],
  [new MongoNotConnectedError('not connected')],
  [new MongoTopologyClosedError('topology is closed')],
  [new MongoClientClosedError()],
  [new MongoUnexpectedServerResponseError('Unable to get response from server')],
  [withCode(new MongoServerError({ message: 'waiting for replication timed out' }), 64)],
  [made(MongoBulkWriteError, 'no primary', { errorResponse: made(MongoServerSelectionError, 'no primary') })],
  [withCode(new MongoServerError({ message: 'going down' }), 91)],
  // The error that the driver passes on if the connection ends while it waits to write.
  [withCode(new Error('This socket has been ended by the other party'), 'EPIPE')],
  [withCode(new Error('read ECONNRESET'), 'ECONNRESET')],
])('%s is an outage, and not an answer about an order', (error) => {
  expect(isMongoOutage(error)).toBe(true);
  expect(isServerError(error)).toBe(true);
});

test('a missing answer is an outage', () => {
  const error = new DeadlineExceeded('no answer in 5 ms');
  expect(isMongoOutage(error)).toBe(true);
  expect(isServerError(error)).toBe(true);
});

test.each([
  [withCode(new MongoServerError({ message: 'duplicate key' }), 11_000), true],
  [new MongoInvalidArgumentError('Document is larger than the maximum size 16777216'), true],
  [new MongoAPIError('a cursor that is used twice'), true],
  [new MongoRuntimeError('a defect'), true],
  [
    new MongoUnexpectedServerResponseError('an answer that cannot be read', { cause: new Error('BSON') }),
    true,
  ],
  [withCode(new MongoServerError({ message: 'E11000', errorLabels: [] }), 11_000), true],
  [new TypeError('events is not iterable'), false],
  [withCode(new Error('no such file'), 'ENOENT'), false],
])('%s is not an outage', (error, isOfServer) => {
  expect(isMongoOutage(error)).toBe(false);
  expect(isServerError(error)).toBe(isOfServer);
});
