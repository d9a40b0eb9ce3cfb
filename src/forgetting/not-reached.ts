import type { NotReached } from './certificate.js';
import type { FoundValues } from './found-values.js';

/**
 * What a search for the customer's personal values found in the customer's orders: in their
 * histories, in the journal, and in the events that were set aside.
 */
export interface LogFindings {
  readonly orderIds: readonly string[];
  /** ids of those orders that cannot get `PersonForgotten` (`hasLostEvents`) */
  readonly lost: readonly string[];
  /** number of runs that Temporal keeps of these orders */
  readonly runs: number;
  readonly histories: FoundValues;
  readonly journal: FoundValues;
  readonly aside: FoundValues;
}

/** The data that a forgetting does not reach, for its certificate. */
export function notReached({ histories, journal, aside, lost }: LogFindings): readonly NotReached[] {
  const all = [histories, journal, aside];
  const plain = new Set(all.flatMap((tally) => [...tally.plain]));
  const readable = new Set(all.flatMap((tally) => [...tally.readable]));
  return [
    {
      what: 'values in plain text, in the journal and the histories of these orders, and in backups',
      why: 'they were written before personal data was sealed',
      orders: [...plain],
    },
    {
      what: 'values of these orders under a key that is not destroyed',
      why: 'they were added while the customer was being forgotten: forget the customer again',
      orders: [...readable],
    },
    {
      what: 'the logs of these orders, which have ended: they do not have the event PersonForgotten',
      why: 'neither the journal nor a kept history has all of their events: restore a backup of the journal that has them, and forget the customer again; until then, their values under the destroyed keys cannot be read, values in plain text stay in the views, and a key store that is restored from a backup can open them again',
      orders: lost,
    },
    {
      what: 'backups of the key store',
      why: 'a key that is restored from one is destroyed again at the next start; destroy the backups in their time',
    },
    {
      what: 'the payment provider, carriers, and others that were given values',
      why: 'they are not part of this system: ask them',
    },
    {
      what: 'records in Kafka that asked for commands, if there are any',
      why: 'their producers wrote them in plain text, before anything was sealed: the brokers delete them after the retention of the topic of commands',
    },
    {
      what: 'receivers of webhooks and readers of the feed, and what receivers answer from now on',
      why: 'events have the ids of customer and order in plain text, by which they may have looked the customer up: ask them; answers are kept for 30 days',
    },
  ].filter(({ orders }) => orders?.length !== 0);
}
