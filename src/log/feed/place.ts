/** A place in the feed: a position belongs to a generation of it. */
export interface FeedPlace {
  readonly generation: number;
  readonly position: number;
}
