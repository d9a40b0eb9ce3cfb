import type { Client } from '@temporalio/client';
import type { Gateway, GatewayOptions } from '../../src/api/commands/gateway/gateway.js';
import { gatewayReads } from '../../src/api/commands/gateway/reads.js';
import { createGateway, gatewaySettings } from '../../src/api/commands/gateway/order-gateway.js';
import type { RoleContext } from './role.js';

interface GatewayDeps extends Pick<RoleContext, 'config' | 'mongo' | 'logger'> {
  readonly client: Client;
}

/** The gateway of this process, for commands from HTTP and from Kafka. */
export function gatewayOf(
  { client, config, mongo, logger }: GatewayDeps,
  waits: Pick<GatewayOptions, 'answerWithinMs' | 'journalWithinMs'> = {},
): Gateway {
  const { db, keyStore } = mongo;
  return createGateway({
    client,
    ...gatewaySettings(config),
    ...gatewayReads(() => db),
    keyStore,
    logger,
    ...waits,
  });
}
