/** A place in the feed: a position, and the generation that it belongs to (`Generation`). */
export interface FeedPlace {
  readonly generation: number;
  readonly position: number;
}
