import type { Connection } from '@temporalio/client';
import { Type, type Static } from 'typebox';
import type { Config } from './config.js';

const closed = { additionalProperties: false } as const;

/** The Temporal and the database that a process works with: the answer of `GET /v1/system`. */
export const System = Type.Object(
  {
    temporal: Type.Object(
      {
        address: Type.String(),
        namespace: Type.String(),
        namespaceId: Type.Optional(
          Type.String({ description: 'unique to this Temporal; absent when Temporal does not answer' }),
        ),
        taskQueue: Type.String(),
        uiUrl: Type.Optional(Type.String({ description: 'of its Web UI, if it is known' })),
      },
      closed,
    ),
    mongodb: Type.Object({ db: Type.String() }, closed),
  },
  closed,
);
export type System = Static<typeof System>;

/** The system, by this process's configuration. @param namespaceId from Temporal, if it answers */
export function systemOf({ temporal, mongodb }: Config, namespaceId?: string): System {
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
  };
}

/**
 * The id that Temporal gave to the namespace at its creation. It identifies a Temporal, which may
 * have several addresses; names do not, because many Temporals have a namespace of the same name.
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
  const isSameTemporal =
    here.namespaceId === undefined || there.namespaceId === undefined
      ? here.address === there.address
      : here.namespaceId === there.namespaceId;
  return (
    isSameTemporal &&
    here.namespace === there.namespace &&
    here.taskQueue === there.taskQueue &&
    one.mongodb.db === other.mongodb.db
  );
}
