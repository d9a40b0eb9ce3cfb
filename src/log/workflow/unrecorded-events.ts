import type { StoredEvent } from '../event.js';

/**
 * If more than this is unrecorded, updates are refused and signals wait until the journal has
 * caught up, because the input of an activity, and of the next run, has a size limit.
 */
const MAX_UNRECORDED = { events: 500, characters: 256 * 1024 };

/** Events that were decided, and that the journal may lack. */
export class UnrecordedEvents {
  /** events that are not in the input of an activity yet */
  private queued: readonly StoredEvent[];
  /** the events of each activity under way; several effects of one decision share events */
  private readonly recording = new Set<readonly StoredEvent[]>();
  private readonly characters = new WeakMap<StoredEvent, number>();

  /** @param events the unrecorded events of an earlier run */
  constructor(events: readonly StoredEvent[]) {
    this.queued = events;
  }

  add(events: readonly StoredEvent[]): void {
    this.queued = [...this.queued, ...events];
  }

  /** The events that are in no activity yet. The caller schedules activities that record them. */
  takeQueued(): readonly StoredEvent[] {
    const { queued } = this;
    this.queued = [];
    return queued;
  }

  /** Notes that an activity which records these events begins. There may be no events. */
  begin(events: readonly StoredEvent[]): void {
    this.recording.add(events);
  }

  /** Notes that the activity for which `begin` was called has recorded its events. */
  end(events: readonly StoredEvent[]): void {
    this.recording.delete(events);
  }

  /** Whether an activity has begun and not ended. */
  get isRecording(): boolean {
    return this.recording.size > 0;
  }

  /** Each event once, ascending. */
  all(): readonly StoredEvent[] {
    const byVersion = new Map([...this.recording, this.queued].flat().map((event) => [event.version, event]));
    return [...byVersion.values()].toSorted((one, other) => one.version - other.version);
  }

  isOverLimit(): boolean {
    const events = this.all();
    if (events.length > MAX_UNRECORDED.events) return true;
    // The length of the events as a JSON array, with brackets and commas.
    const characters = events.reduce((sum, event) => sum + this.charactersOf(event) + 1, 1);
    return characters > MAX_UNRECORDED.characters;
  }

  /** The length of an event as JSON. It is cached, because it is needed for every message. */
  private charactersOf(event: StoredEvent): number {
    const known = this.characters.get(event);
    if (known !== undefined) return known;
    const { length } = JSON.stringify(event);
    this.characters.set(event, length);
    return length;
  }
}
