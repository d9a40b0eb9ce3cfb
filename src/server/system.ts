import type { Connection } from '@temporalio/client';
import { Type, type Static } from 'typebox';
import type { Config } from './config.js';
import { closed } from '../api/schemas.js';

/** Which system a process works on. */
export const System = closed({
  temporal: closed({
    address: Type.String(),
    namespace: Type.String(),
    namespaceId: Type.Optional(
      Type.String({ description: 'unique to this Temporal; absent when Temporal does not answer' }),
    ),
    taskQueue: Type.String(),
  }),
  mongodb: closed({ db: Type.String() }),
});
export type System = Static<typeof System>;

/** The system as the variables of a process name it. @param namespaceId what Temporal says of the namespace */
export function systemOf({ temporal, mongodb }: Config, namespaceId?: string): System {
  const { address, namespace, taskQueue } = temporal;
  return {
    temporal: { address, namespace, ...(namespaceId === undefined ? {} : { namespaceId }), taskQueue },
    mongodb: { db: mongodb.db },
  };
}

/**
 * The id that Temporal gave to the namespace when it was made: one Temporal has many addresses, and many have a namespace
 * of the same name.
 * @throws what the connection throws when Temporal does not answer in time, or has no such namespace
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
 * Whether two processes work on one system. Two that both know the id of their namespace may have reached Temporal by
 * different addresses.
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
