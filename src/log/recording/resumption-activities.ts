import type { Db } from 'mongodb';
import { contiguous } from '../journal/fold.js';
import type { StoredEvent } from '../entity.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { insertIntoJournal } from '../journal/append-to-journal.js';
import { isSameEvent } from '../journal/same-event.js';
import { readStoredEvents } from '../journal/read-journal.js';
import type { StoredRecordedEvent } from '../journal/journal.js';
import { setAside } from '../journal/set-aside.js';
import type { ResumptionActivities } from '../workflow/steps.js';

/**
 * The limits of a page of the log. A page is the result of an activity and the input of the next
 * one, so the history stores it twice.
 */
const MAX_PAGE = { events: 200, characters: 128 * 1024 };

/** The activities with which a resumed run loads its entity from the journal. */
export function createResumptionActivities(log: AnyLog, db: Db): ResumptionActivities {
  return {
    async loadLog({ orderId, after }) {
      const stored = await readStoredEvents(log, db, orderId, { from: after + 1, limit: MAX_PAGE.events });
      const events = contiguous(stored, after).map(asDecided);
      let characters = 0;
      const end = events.findIndex((event, index) => {
        characters += JSON.stringify(event).length;
        return index > 0 && characters > MAX_PAGE.characters;
      });
      return end === -1 ? events : events.slice(0, end);
    },
    async claimResumption({ resumption }) {
      const { orderId, version } = resumption;
      const recorded = await readStoredEvents(log, db, orderId, { from: version });
      const [next] = recorded;
      if (next?.version === version) return isSameEvent(log, next, resumption);
      await setAside(log, db, recorded);
      return (await insertIntoJournal(log, db, [resumption])) || (await isRecorded(log, db, resumption));
    },
  };
}

/** The event without the journal's own fields. */
function asDecided({
  recordedAt: _recordedAt,
  position: _position,
  ...event
}: StoredRecordedEvent): StoredEvent {
  return event;
}

async function isRecorded(log: AnyLog, db: Db, event: StoredEvent): Promise<boolean> {
  const [found] = await readStoredEvents(log, db, event.orderId, { from: event.version, limit: 1 });
  return found?.version === event.version && isSameEvent(log, found, event);
}
