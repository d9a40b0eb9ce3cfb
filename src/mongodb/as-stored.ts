import { BSON } from 'mongodb';

/**
 * A value as MongoDB would return it: members that are undefined are dropped, and text is
 * well-formed Unicode.
 */
export function asStored(value: object): BSON.Document {
  return BSON.deserialize(BSON.serialize(value, { ignoreUndefined: true }));
}
