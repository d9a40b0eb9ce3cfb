import {
  BSON,
  type Collection,
  type Document,
  MongoBulkWriteError,
  MongoServerError,
  type OptionalUnlessRequiredId,
} from 'mongodb';

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
export const answering = { ...committed, maxTimeMS: 3_000 } as const;

/** Time limit of a query in MongoDB; none by default. */
export interface QueryTime {
  readonly maxTimeMS?: number;
}

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 11_000;
}

/**
 * Indexes of the documents of an unordered insert that existed already; undefined if anything else
 * failed.
 */
export function duplicatesIn(error: unknown): readonly number[] | undefined {
  // The driver throws this error in an outage as well, but then it has no failed write.
  if (!(error instanceof MongoBulkWriteError) || !isDuplicateKey(error)) return undefined;
  if (error.result.getWriteConcernError() !== undefined) return undefined;
  const failed = [error.writeErrors].flat();
  const areDuplicates = failed.length > 0 && failed.every(({ code }) => code === 11_000);
  return areDuplicates ? failed.map(({ index }) => index) : undefined;
}

/**
 * Inserts documents independently of each other.
 *
 * @returns the documents that existed already
 */
export async function insertMissing<T extends Document>(
  collection: Collection<T>,
  documents: readonly OptionalUnlessRequiredId<T>[],
): Promise<readonly OptionalUnlessRequiredId<T>[]> {
  try {
    await collection.insertMany(documents, { ordered: false, ...durable });
    return [];
  } catch (error) {
    const duplicates = duplicatesIn(error);
    if (duplicates === undefined) throw error;
    return duplicates.flatMap((index) => documents[index] ?? []);
  }
}

/**
 * A value as MongoDB would return it: members that are undefined are dropped, and text is
 * well-formed Unicode.
 */
export function asStored(value: object): BSON.Document {
  return BSON.deserialize(BSON.serialize(value, { ignoreUndefined: true }));
}
