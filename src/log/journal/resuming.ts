import type { Db } from 'mongodb';
import type { StoredEvent } from '../../order/events.js';
import { insertIntoJournal, isSameEvent, readStored, type StoredRecord } from './journal.js';
import { setAside } from './set-aside.js';
import { unbroken } from './time-travel.js';
import type { ResumptionActivities } from '../workflow/messages.js';

/** What one activity answers, and the next is given, is kept in the history. */
const page = { events: 200, characters: 128 * 1024 };

/** The activities of a run that takes its order over from the journal. */
export function createResuming(db: Db): ResumptionActivities {
  return {
    async loadLog({ orderId, after }) {
      const stored = await readStored(db, orderId, { from: after + 1, limit: page.events });
      const events = unbroken(stored, after).map(asDecided);
      let characters = 0;
      const end = events.findIndex((event, index) => {
        characters += JSON.stringify(event).length;
        return index > 0 && characters > page.characters;
      });
      return end === -1 ? events : events.slice(0, end);
    },
    async claimResumption({ resumption }) {
      const { orderId, version } = resumption;
      const [next, ...others] = await readStored(db, orderId, { from: version });
      if (next?.version === version) return isSameEvent(next, resumption);
      await setAside(db, next === undefined ? [] : [next, ...others]);
      return (await insertIntoJournal(db, [resumption])) || (await isThere(db, resumption));
    },
  };
}

/** Without what the journal adds to it. */
function asDecided({ recordedAt: _recordedAt, position: _position, ...event }: StoredRecord): StoredEvent {
  return event;
}

async function isThere(db: Db, event: StoredEvent): Promise<boolean> {
  const [found] = await readStored(db, event.orderId, { from: event.version, limit: 1 });
  return found?.version === event.version && isSameEvent(found, event);
}
