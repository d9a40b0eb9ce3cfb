/* The limits of pages, apart from the schemas, which the client scripts load only when needed. */

/** The most items of a page whose items are small, such as events. */
export const MAX_PAGE = 1_000;

/** The most items of a page whose items are large, or are joined from several places. */
export const MAX_SHORT_PAGE = 200;
