import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { type Certificate, openCertificate, signCertificate } from '../../src/forgetting/certificate.js';

const certificate: Certificate = {
  forgettingId: 'f-1',
  customerId: 'c-1',
  reason: 'asked by letter',
  actor: 'key:desk',
  requestedAt: '2026-01-01T00:00:00.000Z',
  forgottenAt: '2026-01-01T00:00:20.000Z',
  keys: ['key-1'],
  orders: 1,
  places: [],
  notReached: [],
};
const { privateKey } = generateKeyPairSync('ed25519');
const { jws, publicKey } = signCertificate(certificate, privateKey);

test('a certificate can be checked with the public key alone', () => {
  expect(openCertificate(jws, publicKey)).toEqual(certificate);
  expect(publicKey).toEqual({ kty: 'OKP', crv: 'Ed25519', x: expect.any(String) });
});

test('a certificate that was changed, or that another key signed, is invalid', () => {
  const [header, , signature] = jws.split('.');
  const changed = Buffer.from(JSON.stringify({ ...certificate, orders: 2 })).toString('base64url');
  expect(openCertificate(`${header}.${changed}.${signature}`, publicKey)).toBeUndefined();
  const other = signCertificate(certificate, generateKeyPairSync('ed25519').privateKey);
  expect(openCertificate(other.jws, publicKey)).toBeUndefined();
  expect(openCertificate('', publicKey)).toBeUndefined();
});
