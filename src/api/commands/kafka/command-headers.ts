import { Type } from 'typebox';
import { Id, IfMatch, Key } from '../../schemas.js';

/** Headers of a command's record that are as over HTTP, or name a part of the order. */
export const optionalHeaders = {
  'idempotency-key': Type.Optional(Key),
  'x-correlation-id': Type.Optional(Key),
  'on-behalf-of': Type.Optional(Key),
  'if-match': Type.Optional(IfMatch),
  'shipment-id': Type.Optional(Id),
  'return-id': Type.Optional(Id),
};
