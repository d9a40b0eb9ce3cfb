import { Client } from '@temporalio/client';
import { trackParcels } from '../../src/effects/carriers/tracking.js';
import { logChanges } from '../../src/server/logging/log-changes.js';
import { carriersOf } from './activities.js';
import { gatewayOf } from './gateway.js';
import type { RoleContext, RunningRole } from './role.js';

/** Asks carriers about parcels that are on their way. It is part of the role `worker`. */
export function startTracking(context: RoleContext): RunningRole {
  const { config, logger, mongo, temporal: connection, providers } = context;
  const stopping = new AbortController();
  const client = new Client({ connection, namespace: config.temporal.namespace });
  const gateway = gatewayOf({ client, config, mongo, logger });
  const tracking = trackParcels({
    db: mongo.db,
    provider: carriersOf(mongo.db, providers),
    everyMs: config.trackEveryMs,
    async delivered({ orderId, shipmentId }) {
      const key = `delivered:${shipmentId}`;
      // Each attempt has the same issuer and key, so the order takes the fact once. No client can
      // have this issuer.
      const meta = {
        issuer: 'tracking carriers',
        key,
        actor: 'carriers',
        correlationId: `${orderId}:${key}`,
      };
      const fact = { type: 'ShipmentDelivered', data: { shipmentId } } as const;
      // A fact that the order refuses is not lost: the shipment stays on its way, so a later round
      // asks the carrier and sends the fact again.
      const result = await gateway.fact(orderId, fact, meta);
      if (result.kind === 'unknown-outcome')
        throw new Error(`order ${orderId} could not be told that ${shipmentId} was delivered`);
    },
    health: logChanges(logger, {
      fails: (problem) => `Parcels cannot be tracked: ${problem}. It is tried again.`,
      works: 'Parcels are tracked again.',
    }),
    signal: stopping.signal,
  });
  return {
    async stop() {
      stopping.abort();
      await tracking;
    },
  };
}
