import type { FeedPlace } from '../log/feed/place.js';
import { firstGeneration, type Generations } from '../log/feed/generations.js';

/** The place before the first event. */
export const beforeFirst: FeedPlace = { generation: firstGeneration.generation, position: 0 };

/**
 * The place in the current generation. If the checkpoint is of an older one, it moves back to the
 * last position that both have in common.
 */
export function placeIn(generations: Generations, { generation, position }: FeedPlace): FeedPlace {
  const { current } = generations;
  if (generation === current.generation) return { generation, position };
  return {
    generation: current.generation,
    position: Math.min(position, generations.commonWith(generation)),
  };
}
