import { searchAttributes } from '../log/search-attribute-names.js';
import { customerAttribute, listedAttributes } from '../order/listing.js';

/** The search attributes of workflows, which set-up registers, and their types. */
export const SEARCH_ATTRIBUTES: SearchAttributes = {
  [searchAttributes.status]: 'Keyword',
  [customerAttribute]: 'Keyword',
  ...listedAttributes,
};

export type SearchAttributes = Readonly<Record<string, 'Keyword' | 'Bool' | 'Int'>>;
