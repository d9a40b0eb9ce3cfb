import { type JournalDocument, eventOf } from '../journal/journal.js';
import type { PositionedEvent } from './feed.js';
import type { EventPosition } from './journal-changes.js';

export interface GivenPosition extends EventPosition {
  /** the recorded event, if known, so that readers do not have to load it */
  readonly event?: JournalDocument | undefined;
}

const MAX_REMEMBERED = 500;

/** The last events to which this process gave positions, in one generation and without gaps. */
export class RecentEvents {
  private generation: number | undefined;
  private events: PositionedEvent[] = [];

  /** Keeps the events of this generation from now on, and of no other. */
  begin(generation: number): void {
    this.generation = generation;
    this.clear();
  }

  add({ position, event }: GivenPosition): void {
    if (event === undefined || position !== (this.events.at(-1)?.position ?? 0) + 1) this.clear();
    if (event === undefined) return;
    this.events.push({ ...eventOf(event), position });
    if (this.events.length > 2 * MAX_REMEMBERED) this.events = this.events.slice(-MAX_REMEMBERED);
  }

  /** The events after a position; undefined if they are not kept here. */
  after(generation: number, position: number, limit: number): readonly PositionedEvent[] | undefined {
    if (generation !== this.generation) return undefined;
    const from = position + 1 - (this.events[0]?.position ?? Infinity);
    return from < 0 || from >= this.events.length ? undefined : this.events.slice(from, from + limit);
  }

  clear(): void {
    this.events = [];
  }
}
