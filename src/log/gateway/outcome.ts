import type { Client } from '@temporalio/client';
import { isTaskFailure, isTemporalOutage } from '../../outages/temporal-outage.js';
import { statusInWords } from '../history/runs.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { endedReason } from '../journal/stops.js';
import type { Answer, RefusedUpdate } from '../workflow/messages.js';

/** The result of sending a command. */
export type Outcome<A = Omit<Answer, 'requestId'>> =
  | { readonly kind: 'answered'; readonly answer: A; readonly replayed: boolean }
  | RefusedCommand
  | UnknownOutcome;

/** Why nothing was changed. */
export interface RefusedCommand {
  readonly kind: 'refused';
  readonly refusal: RefusedUpdate['refusal'];
  /** the version of the entity, if it is known */
  readonly version?: number;
  readonly status?: string;
  readonly allowedCommands?: readonly string[];
  /** see `RefusedUpdate` */
  readonly memoryFrom?: number;
}

/** No answer in time: the command may still take effect. The caller retries with the same key. */
export interface UnknownOutcome {
  readonly kind: 'unknown-outcome';
  readonly orderId: string;
}

/** There is no such entity, or it has ended. */
export interface Gone {
  readonly kind: 'gone';
}

/** How long to wait for an answer from Temporal and the workers, by default. */
export const ANSWER_WITHIN_MS = 5_000;
/** The answer to a start may take this many times as long as the answer to another command. */
export const START_WAIT_FACTOR = 2;

/** Limits how long the calls to Temporal in `ask` take. After that, the outcome is unknown. */
export async function outcomeInTime<R>(
  {
    client,
    answerWithinMs = ANSWER_WITHIN_MS,
  }: { readonly client: Client; readonly answerWithinMs?: number | undefined },
  orderId: string,
  ask: () => Promise<R>,
): Promise<R | UnknownOutcome> {
  try {
    return await client.connection.withDeadline(Date.now() + answerWithinMs, ask);
  } catch (error) {
    if (!isTemporalOutage(error) && !isTaskFailure(error)) throw error;
    return { kind: 'unknown-outcome', orderId };
  }
}

export function refused(
  kind: RefusedUpdate['refusal']['kind'],
  code: string,
  message: string,
): RefusedCommand {
  return { kind: 'refused', refusal: { kind, code, message } };
}

export function journalUnavailable(): RefusedCommand {
  const message =
    'the journal must be asked whether this key was used before, and MongoDB does not answer: try again with the same key';
  return refused('busy', 'journal_unavailable', message);
}

/** The refusal if the journal answers, but lacks earlier events of the entity. */
export function journalIncomplete(): RefusedCommand {
  const message =
    'the journal must be asked whether this key was used before, and it lacks earlier events, which are still to be recorded: try again with the same key';
  return refused('busy', 'journal_unavailable', message);
}

/** @param status Temporal's status of the last run; undefined if Temporal knows no run */
export function workflowEnded(log: AnyLog, id: string, status: string | undefined): RefusedCommand {
  const { code, detail, remedy } = endedReason(log, id, status && statusInWords(status));
  return { ...refused('halted', code, `${detail}: ${remedy}`), allowedCommands: [] };
}
