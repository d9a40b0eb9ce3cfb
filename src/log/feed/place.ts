/** A place in the feed: a position, and the generation that it belongs to (`Generation`). */
export interface FeedPlace {
  readonly generation: number;
  readonly position: number;
}

export function isFeedPlace(value: unknown): value is FeedPlace {
  const { generation, position } = (value ?? {}) as Partial<FeedPlace>;
  return Number.isSafeInteger(generation) && Number.isSafeInteger(position);
}
