/*
 * The limits of pages. They are not in a file with schemas, because the client scripts load such
 * files only when needed.
 */

/** Maximum number of items of a page whose items are small, such as events. */
export const MAX_PAGE = 1_000;

/** Maximum number of items of a page whose items are large, or are joined from several places. */
export const MAX_SHORT_PAGE = 200;
