import type { Connection } from '@temporalio/client';
import { Type, type Static } from 'typebox';
import type { KeyStore } from '../../sealing/key-store/key-store.js';
import { withTimeout } from '../../outages/timeout.js';
import type { Config } from '../../server/config.js';
import { closed } from '../schemas/values.js';

/**
 * The Temporal, the database and the key store that a process works with: the answer of `GET
 * /v1/system`.
 */
export const System = closed({
  temporal: closed({
    address: Type.String(),
    namespace: Type.String(),
    namespaceId: Type.Optional(
      Type.String({ description: 'unique to this Temporal; absent when Temporal does not answer' }),
    ),
    taskQueue: Type.String(),
    uiUrl: Type.Optional(Type.String({ description: 'the address of its Web UI, if it is known' })),
  }),
  mongodb: closed({ db: Type.String() }),
  keys: closed({
    db: Type.String(),
    id: Type.Optional(
      Type.String({ description: 'unique to this key store; absent when it does not answer' }),
    ),
  }),
});
export type System = Static<typeof System>;

/** Ids that distinguish servers with the same name; absent if the server does not answer. */
interface Ids {
  /** the result of `namespaceIdOf` */
  readonly namespaceId?: string | undefined;
  /** the result of `KeyStore.identity` */
  readonly keyStoreId?: string | undefined;
}

/** The system that this process is configured to work with. */
export function systemOf({ temporal, mongodb, keys }: Config, { namespaceId, keyStoreId }: Ids = {}): System {
  const { address, namespace, taskQueue, uiUrl } = temporal;
  return {
    temporal: {
      address,
      namespace,
      ...(namespaceId !== undefined && { namespaceId }),
      taskQueue,
      ...(uiUrl !== undefined && { uiUrl }),
    },
    mongodb: { db: mongodb.db },
    keys: { db: keys.db, ...(keyStoreId !== undefined && { id: keyStoreId }) },
  };
}

/**
 * The id of the key store; undefined if it does not answer in time, or needs another master key.
 */
export async function keyStoreIdOf(
  keyStore: Pick<KeyStore, 'identity'>,
  withinMs: number,
): Promise<string | undefined> {
  return await withTimeout(withinMs, keyStore.identity()).catch(() => undefined);
}

/**
 * The id that Temporal gave to the namespace at its creation. It distinguishes Temporal clusters.
 * The address and the name of the namespace do not: a cluster may have several addresses, and
 * several clusters may have a namespace with the same name.
 *
 * @throws errors of the connection if Temporal does not answer in time, or has no such namespace
 */
export async function namespaceIdOf(
  connection: Connection,
  namespace: string,
  withinMs: number,
): Promise<string | undefined> {
  const { namespaceInfo } = await connection.withDeadline(Date.now() + withinMs, () =>
    connection.workflowService.describeNamespace({ namespace }),
  );
  return namespaceInfo?.id ?? undefined;
}

/**
 * True if two processes work on the same system. If both know their namespace's id, the addresses
 * may differ.
 */
export function isSameSystem(one: System, other: System): boolean {
  const [here, there] = [one.temporal, other.temporal];
  return (
    (isSame(here.namespaceId, there.namespaceId) ?? here.address === there.address) &&
    here.namespace === there.namespace &&
    here.taskQueue === there.taskQueue &&
    one.mongodb.db === other.mongodb.db &&
    one.keys.db === other.keys.db &&
    (isSame(one.keys.id, other.keys.id) ?? true)
  );
}

/** Undefined if one of them is unknown. */
function isSame(id: string | undefined, other: string | undefined): boolean | undefined {
  return id === undefined || other === undefined ? undefined : id === other;
}
