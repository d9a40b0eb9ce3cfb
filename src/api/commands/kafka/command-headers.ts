import { Type } from 'typebox';
import { Id, IfMatch, Key } from '../../schemas/values.js';

/**
 * Optional headers of a command's record: those of the HTTP API, and the id of a shipment or
 * return.
 */
export const optionalHeaders = {
  'idempotency-key': Type.Optional(Key),
  'x-correlation-id': Type.Optional(Key),
  'on-behalf-of': Type.Optional(Key),
  'if-match': Type.Optional(IfMatch),
  'shipment-id': Type.Optional(Id),
  'return-id': Type.Optional(Id),
};
