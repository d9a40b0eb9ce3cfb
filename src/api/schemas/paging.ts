import { type TSchema, Type } from 'typebox';
import { closed } from './values.js';

/** The query parameter that says how many items a page has at most. */
export function limitParameter(maximum: number, byDefault: number) {
  return Type.Optional(Type.Integer({ minimum: 1, maximum, default: byDefault }));
}

/** The query parameter that continues a list. */
export const CursorParameter = Type.Optional(Type.String({ maxLength: 500 }));

export const NextCursor = Type.Optional(Type.String({ description: 'absent on the last page' }));

export function pageSchema<T extends TSchema>(item: T) {
  return closed({ data: Type.Array(item), nextCursor: NextCursor });
}

/**
 * The items of a page. If more items follow, `last` is the last item of the page.
 *
 * @param found up to `limit + 1` items
 */
export function pageOf<T>(found: readonly T[], limit: number) {
  const data = found.slice(0, limit);
  return { data, last: found.length > limit ? data.at(-1) : undefined };
}
