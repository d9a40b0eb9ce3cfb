import { expect, test } from '@jest/globals';
import { isPublic, refusePrivate } from '../../../src/delivery/webhooks/public-addresses.js';

test.each(['8.8.8.8', '93.184.216.34', '2606:4700::1111'])('%s is public', (address) => {
  expect(isPublic(address)).toBe(true);
});

test.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.31.0.1',
  '192.168.1.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001::1',
  'fe80::1',
  'fc00::1',
  'ff02::1',
  'localhost',
  '',
])('%s is private', (address) => {
  expect(isPublic(address)).toBe(false);
});

test.each([
  'http://8.8.8.8/',
  'https://127.0.0.1/',
  'https://0x7f.1/',
  'https://2130706433/',
  'https://[::1]/',
])('%s is refused', (url) => {
  expect(() => refusePrivate(new URL(url))).toThrow(expect.objectContaining({ name: 'NotPublic' }));
});
