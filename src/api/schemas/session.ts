import { type Static, Type } from 'typebox';
import { scopes } from '../../access/scopes.js';
import { closed } from './values.js';

/** Who the caller is. */
export const Session = closed({
  authentication: Type.Enum(['on', 'off'], { description: 'off: everybody may do everything' }),
  actor: Type.Optional(Type.String({ description: 'who the caller is; absent without a sign-in' })),
  scopes: Type.Array(Type.Enum([...scopes]), { description: 'what the caller may do' }),
});
export type Session = Static<typeof Session>;
