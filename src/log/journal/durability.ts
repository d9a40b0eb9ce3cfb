import {
  BSON,
  type Collection,
  type Document,
  MongoBulkWriteError,
  MongoServerError,
  type OptionalUnlessRequiredId,
} from 'mongodb';

/** What events, views and effects rest on, said where they are written and read, whatever the connection's defaults. */
export const durable = { writeConcern: { w: 'majority', journal: true } } as const;
export const committed = { readConcern: { level: 'majority' } } as const;
/** `committed`, for a query of a request: MongoDB itself gives up one that takes longer, so that none goes on unheard. */
export const answering = { ...committed, maxTimeMS: 3_000 } as const;

/** How long MongoDB works on a query before it gives it up; without end by default. */
export interface QueryTime {
  readonly maxTimeMS?: number;
}

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 11_000;
}

/** Which writes of an unordered group met a document that is there already; undefined where anything else went wrong. */
export function duplicatesIn(error: unknown): readonly number[] | undefined {
  // An outage comes as one of these, too, with the code of what went wrong, and without a write that failed.
  if (!(error instanceof MongoBulkWriteError) || !isDuplicateKey(error)) return undefined;
  if (error.result.getWriteConcernError() !== undefined) return undefined;
  const failed = [error.writeErrors].flat();
  const areDuplicates = failed.length > 0 && failed.every(({ code }) => code === 11_000);
  return areDuplicates ? failed.map(({ index }) => index) : undefined;
}

/**
 * Inserts documents, each by itself, that may be there already.
 *
 * @returns those that are
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

/** A value as it comes back from the database: undefined is no value, and text is well-formed Unicode. */
export function asStored(value: object): BSON.Document {
  return BSON.deserialize(BSON.serialize(value, { ignoreUndefined: true }));
}
