/** A place in the feed: a position, and the generation of the feed that it belongs to. */
export interface FeedPlace {
  readonly generation: number;
  readonly position: number;
}
