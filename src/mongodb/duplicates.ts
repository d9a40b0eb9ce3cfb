import {
  type Collection,
  type Document,
  MongoBulkWriteError,
  MongoServerError,
  type OptionalUnlessRequiredId,
} from 'mongodb';
import { durable } from './durability.js';

const DUPLICATE_KEY = 11_000;

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
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
  const areDuplicates = failed.length > 0 && failed.every(({ code }) => code === DUPLICATE_KEY);
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
