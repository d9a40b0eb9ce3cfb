import type { Collection, Document, IndexDescription } from 'mongodb';

/**
 * An index of the documents that have a field, sorted by it and by `_id`. It is partial, because a
 * sparse index that ends with `_id` contains every document. A query can use it if its filter
 * excludes documents without the field, as `{ $gt: '' }` does.
 *
 * Indexes of earlier versions have the default name. This one has another, so that processes of
 * both versions can create theirs.
 */
export function indexIfPresent(field: string): IndexDescription {
  return {
    key: { [field]: 1, _id: 1 },
    name: `${field}_present`,
    partialFilterExpression: { [field]: { $exists: true } },
  };
}

/**
 * Creates the indexes. Then drops those with the same keys under another name: an earlier version
 * has created them, with other options.
 */
export async function ensureIndexes<D extends Document>(
  collection: Collection<D>,
  indexes: readonly IndexDescription[],
): Promise<void> {
  const names = new Set(await collection.createIndexes([...indexes]));
  const keys = new Set(indexes.map(({ key }) => JSON.stringify(key)));
  for (const { name, key } of await collection.indexes())
    if (name !== undefined && !names.has(name) && keys.has(JSON.stringify(key)))
      await collection.dropIndex(name);
}
