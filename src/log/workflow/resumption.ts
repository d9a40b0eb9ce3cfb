import {
  ApplicationFailure,
  continueAsNew,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { append, type Appended } from '../append.js';
import type { Draft, Effect, Entity, Envelope, State, StoredEvent } from '../entity.js';
import { record, untilDone } from './activities.js';
import { answerOf, didNothing, type Remembered } from './answer.js';
import { now } from './clock.js';
import { keyOf } from './command-id.js';
import {
  type Answer,
  causeOf,
  hashIn,
  type Message,
  messagesWaiting,
  type RefusedUpdate,
  type Signal,
} from './messages.js';
import type { ContinuedEntity, EntityEnd, ResumedEntity, ResumeRequest } from './inputs.js';
import { MIN_REMEMBERED } from './remembered-commands.js';
import { stepOf, type ResumptionActivities } from './steps.js';

const { loadLog, claimResumption } = proxyActivities<ResumptionActivities>(untilDone);

/** An entity as loaded from the journal, and the messages that it has not decided yet. */
export interface Loaded<S> {
  readonly continued: ContinuedEntity<S>;
  readonly messages: readonly Signal[];
}

/**
 * Loads an entity from the journal, before its run handles any message. The loaded events are
 * recorded again, so that the history of the run has the whole log; this changes nothing in the
 * journal. The resumption becomes the next event. It is written to the journal immediately. If an
 * earlier run has already written another event of that version, that event is loaded, and the
 * resumption follows it.
 *
 * @param arriving the list to which the caller adds the signals that come meanwhile
 * @throws ApplicationFailure if the journal has no event of the entity; ActivityFailure if a later
 *   run has resumed it
 */
export async function resumeFromJournal<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  input: ResumedEntity<S>,
  arriving: readonly Signal[],
): Promise<Loaded<S>> {
  const { orderId, resume, continueAsNewAfter } = input;
  let { taken } = input;
  let { messages } = resume;
  for (;;) {
    const loaded = await loadLog({ orderId, after: taken?.order.version ?? 0 });
    if (loaded.length > 0) {
      taken = foldLoaded(entity, taken, loaded);
      const known = new Set(loaded.map(({ commandId }) => commandId));
      messages = messages.filter(
        ({ message: { commandId } }) => !known.has(commandId) && !known.has(keyOf(commandId)),
      );
      const summary = `v${loaded[0]?.version}–v${loaded.at(-1)?.version} of the journal`;
      await record.executeWithOptions({ summary }, [stepOf(loaded, taken.order)]);
      const { continueAsNewSuggested, historyLength } = workflowInfo();
      if (continueAsNewSuggested || historyLength > (continueAsNewAfter ?? Infinity))
        await continueAsNew<(next: ResumedEntity<S>) => Promise<EntityEnd>>({
          ...input,
          resume: { ...resume, messages, arrived: [...(resume.arrived ?? []), ...arriving] },
          taken,
        });
      continue;
    }
    if (taken === undefined)
      throw ApplicationFailure.nonRetryable(`the journal has no event of ${entity.name} ${orderId}`, 'NoLog');
    const resumed = await claim(entity, taken.order, resume);
    if (resumed === undefined) continue;
    return {
      continued: {
        orderId,
        ...taken,
        order: resumed.state,
        unrecorded: resumed.events,
        ...(continueAsNewAfter !== undefined && { continueAsNewAfter }),
      },
      messages: [
        ...messages.map(({ name, message }) => ({
          name,
          message: { ...message, absentUpTo: taken?.memoryFrom ?? 0 },
        })),
        ...(resume.arrived ?? []),
        ...arriving,
      ],
    };
  }
}

/**
 * Appends the resumption, and writes it to the journal.
 *
 * @returns undefined if the journal has another event of that version
 */
async function claim<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  state: S,
  resume: ResumeRequest,
): Promise<Appended<S, D> | undefined> {
  const { reason, previousRunId } = resume;
  const draft = entity.resumption({ reason, ...(previousRunId !== undefined && { previousRunId }) });
  const resumed = append(entity, state.orderId, state, [draft], causeOf(resume, now()));
  const [resumption] = resumed.events;
  return resumption !== undefined && (await claimResumption({ resumption })) ? resumed : undefined;
}

/**
 * Until the entity is loaded, keeps signals, and refuses updates with `busy`, so that callers try
 * again.
 */
export function keepUntilLoaded<S extends State, D extends Draft, F extends Effect>(
  { name: entityName, commands, facts }: Entity<S, D, F>,
  { orderId }: ResumedEntity<S>,
  arriving: Signal[],
): void {
  for (const name of [...commands, ...(facts?.types ?? [])])
    setHandler(defineSignal<[Message]>(name), (message) => void arriving.push({ name, message }));
  const message = `${entityName} ${orderId} is being resumed: try again`;
  const refusal = { kind: 'busy', code: messagesWaiting, message } as const;
  const refused: RefusedUpdate = { refusal, version: 0, status: 'pending', allowedCommands: [] };
  const refuse = (): never => {
    throw ApplicationFailure.create({ message, type: refusal.code, details: [refused], nonRetryable: true });
  };
  for (const type of commands)
    setHandler(defineUpdate<Answer>(type), (): Answer => refuse(), { validator: () => refuse() });
}

type Taken<S> = NonNullable<ResumedEntity<S>['taken']>;

/** Folds the loaded events into the result of earlier pages, and remembers their commands. */
function foldLoaded<S extends State, D extends Draft, F extends Effect>(
  { upcast, evolve, answerFields }: Entity<S, D, F>,
  taken: Taken<S> | undefined,
  loaded: readonly StoredEvent[],
): Taken<S> {
  let { remembered, memoryFrom } = taken ?? { remembered: [], memoryFrom: 0 };
  let state = taken?.order;
  for (const stored of loaded) {
    const event = upcast(stored);
    state = evolve(state, event);
    // The event of an outcome or a deadline: no command led to it.
    if (event.causationId === event.commandId) continue;
    remembered = remember(remembered, event, answerOf(state, [event], answerFields));
    const [oldest] = remembered;
    if (oldest === undefined || remembered.length <= MIN_REMEMBERED) continue;
    memoryFrom = oldest.answer.version;
    remembered = remembered.slice(1);
  }
  if (state === undefined) throw new TypeError('Nothing was loaded.');
  return { order: state, remembered, memoryFrom };
}

/** Adds the command that led to the event, or adds the event to the answer of that command. */
function remember(
  known: readonly Remembered[],
  event: Draft & Envelope,
  { events: added, ...answer }: Omit<Remembered['answer'], 'requestId'>,
): readonly Remembered[] {
  const { commandId, version } = event;
  const hash = hashIn(event);
  const first = known.find((entry) => entry.commandId === commandId && entry.hash !== undefined);
  // This event rejects another command that reused the key. The key belongs to the first command.
  if (hash !== undefined && first !== undefined && first.hash !== hash) return known;
  const last = known.at(-1);
  const isSame = last?.commandId === commandId && last.answer.version === version - 1 && !didNothing(last);
  const { events = [], ...before } = isSame ? last.answer : {};
  const command: Remembered = {
    commandId,
    // If a fact settled an effect, the event's cause is the effect's key, which has no hash.
    ...(hash !== undefined && { hash }),
    answer: { ...before, ...answer, events: [...events, ...added], requestId: '' },
  };
  return [...(isSame ? known.slice(0, -1) : known), command];
}
