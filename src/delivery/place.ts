import type { FeedPlace } from '../log/feed/place.js';
import { firstGeneration, type Generations } from '../log/feed/generations.js';

/** The place before the first event. */
export const beforeFirst: FeedPlace = { generation: firstGeneration.generation, position: 0 };

/**
 * A checkpoint as a place in the current generation. A checkpoint of an older generation moves back
 * to the last position that both generations have in common, if it is after that position.
 */
export function placeIn(generations: Generations, { generation, position }: FeedPlace): FeedPlace {
  const { current } = generations;
  if (generation === current.generation) return { generation, position };
  return {
    generation: current.generation,
    position: Math.min(position, generations.commonWith(generation)),
  };
}
