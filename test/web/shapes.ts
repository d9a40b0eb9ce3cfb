/* The compiler checks here that what the API answers has all that the page reads. */
import type { Static, TString } from 'typebox';
import type { Event } from '../../src/api/schemas/order.js';
import type { pageSchema } from '../../src/api/schemas/paging.js';
import type { CustomerSummary as AnsweredCustomer } from '../../src/views/customers.js';
import type { DailyStats } from '../../src/views/daily-stats.js';
import type { CustomerSummary, Day, Page, RecordedEvent } from '../../src/web/shapes.js';

/** An answer as the page reads it. A number that is too great for JavaScript becomes a text. */
type Read<T> = T extends bigint ? string : T extends object ? { readonly [N in keyof T]: Read<T[N]> } : T;

export const customer = (answer: Read<AnsweredCustomer>): CustomerSummary => answer;
export const day = (answer: Read<DailyStats>): Day => answer;
export const page = (answer: Static<ReturnType<typeof pageSchema<TString>>>): Page<string> => answer;

/** The data of events have the types of the domain; their other members are compared by name. */
export const member = (name: keyof RecordedEvent): keyof Static<typeof Event> => name;
