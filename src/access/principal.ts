import type { Scope } from './scopes.js';

/** Who sent a request. */
export interface Principal {
  /** recorded with each event, such as `key:shop` or `user:ada` */
  readonly actor: string;
  /** for whom the actor acts, from `On-Behalf-Of`; absent if for itself */
  readonly onBehalfOf?: string;
  /** who issued the keys of commands; scopes them and derived order ids */
  readonly issuer: string;
  readonly scopes: ReadonlySet<Scope>;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal;
  }
}
