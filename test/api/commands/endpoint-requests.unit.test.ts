import { expect, test } from '@jest/globals';
import { refuseAfterHead } from '../../../src/api/commands/endpoint-requests.js';

test('a position after the end of the feed is refused, with the end as `head`', () => {
  expect(() => refuseAfterHead(8, 7)).toThrow(
    expect.objectContaining({ status: 422, code: 'position_unknown', members: { head: 7 } }),
  );
  refuseAfterHead(7, 7);
  refuseAfterHead(undefined, 7);
});
