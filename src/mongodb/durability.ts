/**
 * Explicit write and read concerns for events, views and effects, whatever the connection's
 * defaults are.
 */
export const durable = { writeConcern: { w: 'majority', journal: true } } as const;
export const committed = { readConcern: { level: 'majority' } } as const;
/**
 * `committed` with a time limit, for queries that answer a request: MongoDB aborts a query that
 * takes longer, so that it does not keep running after the client has gone.
 */
export const committedInTime = { ...committed, maxTimeMS: 3_000 } as const;

/** Time limit of a query in MongoDB; none by default. */
export interface QueryTime {
  readonly maxTimeMS?: number;
}
