/* The compiler checks here that what the views answer has all that the page reads. */
import type { CustomerSummary as AnsweredCustomer } from '../../src/views/customers.js';
import type { DailyStats } from '../../src/views/daily-stats.js';
import type { CustomerSummary, Day } from '../../src/web/shapes.js';

/** An answer as the page reads it. A number that is too great for JavaScript becomes a text. */
type Read<T> = T extends bigint ? string : T extends object ? { readonly [N in keyof T]: Read<T[N]> } : T;

export const customer = (answer: Read<AnsweredCustomer>): CustomerSummary => answer;
export const day = (answer: Read<DailyStats>): Day => answer;
