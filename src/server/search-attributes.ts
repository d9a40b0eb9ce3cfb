import { searchAttributes } from '../log/workflow/search-attribute-names.js';
import { listedAttributes } from '../order/listing.js';

/** The search attributes of workflows, which set-up registers, and their types. */
export const SEARCH_ATTRIBUTES: SearchAttributes = {
  [searchAttributes.status]: 'Keyword',
  [searchAttributes.customer]: 'Keyword',
  ...listedAttributes,
};

export type SearchAttributes = Readonly<Record<string, 'Keyword' | 'Bool' | 'Int'>>;
