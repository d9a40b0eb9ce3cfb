import type { Db } from 'mongodb';
import type { StoredEvent } from '../entity.js';
import { insertIntoJournal, isSameEvent, type Journaled, readStored, type StoredRecord } from './journal.js';
import { setAside } from './set-aside.js';
import { contiguous } from './time-travel.js';
import type { ResumptionActivities } from '../workflow/messages.js';

/**
 * A page is an activity's result and the next activity's input, so it is stored in the history
 * twice.
 */
const page = { events: 200, characters: 128 * 1024 };

/**
 * The activities with which a resumed run loads its entity from the journal.
 *
 * @param asked the entity whose workflow runs the activity
 */
export function createResumptionActivities(db: Db, asked: () => Journaled): ResumptionActivities {
  return {
    async loadLog({ orderId, after }) {
      const stored = await readStored(db, orderId, {
        from: after + 1,
        limit: page.events,
        entity: asked().name,
      });
      const events = contiguous(stored, after).map(asDecided);
      let characters = 0;
      const end = events.findIndex((event, index) => {
        characters += JSON.stringify(event).length;
        return index > 0 && characters > page.characters;
      });
      return end === -1 ? events : events.slice(0, end);
    },
    async claimResumption({ resumption }) {
      const { orderId, version } = resumption;
      const entity = asked();
      const [next, ...others] = await readStored(db, orderId, { from: version, entity: entity.name });
      if (next?.version === version) return isSameEvent(next, resumption, entity);
      await setAside(db, next === undefined ? [] : [next, ...others], entity.name);
      return (
        (await insertIntoJournal(db, [resumption], { entity })) || (await isRecorded(db, resumption, entity))
      );
    },
  };
}

/** The event without the journal's own fields. */
function asDecided({ recordedAt: _recordedAt, position: _position, ...event }: StoredRecord): StoredEvent {
  return event;
}

async function isRecorded(db: Db, event: StoredEvent, entity: Journaled): Promise<boolean> {
  const range = { from: event.version, limit: 1, entity: entity.name };
  const [found] = await readStored(db, event.orderId, range);
  return found?.version === event.version && isSameEvent(found, event, entity);
}
