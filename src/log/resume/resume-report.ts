import { setTimeout } from 'node:timers/promises';
import type { Databases } from '../../databases.js';
import type { State, StoredEvent } from '../entity.js';
import { COMMAND_REJECTED } from '../event.js';
import { comparedByHand } from '../entity-log/cli-lines.js';
import { type AnyLog, workflowIdOf } from '../entity-log/entity-log.js';
import { forkFailure } from '../journal/fork.js';
import { resumptionType } from '../journal/journal.js';
import { readStoredEvents } from '../journal/read-journal.js';
import type { ResumeRequest } from '../workflow/inputs.js';
import { type EntityState, stateQuery } from '../workflow/messages.js';
import type { Plan, Repairs } from './resume-plan.js';

const POLL_EVERY_MS = 100;

/** Who resumes the entity, and why. The command id makes the command idempotent. */
export type ResumeCommand = Omit<ResumeRequest, 'previousRunId' | 'messages' | 'arrived'>;

/** What was done with an entity; in a dry run, what would be done. */
export interface ResumeReport {
  readonly orderId: string;
  /**
   * `running`: the workflow is running and agrees with the journal; `resumed`: the workflow was
   * started again from the journal; `restarted`: the workflow had ended before it decided anything,
   * and starts from its create command; `already_resumed`: this command was carried out before, or
   * another resumption came first; `ended`: the entity and its workflow are finished;
   * `contradiction`: history and journal hold different recorded events; `incomplete`: events are
   * missing in both; `unknown`: neither Temporal nor the journal knows the entity
   */
  readonly outcome:
    | 'running'
    | 'resumed'
    | 'restarted'
    | 'already_resumed'
    | 'ended'
    | 'contradiction'
    | 'incomplete'
    | 'unknown';
  /** what was found and done, in words */
  readonly detail: string;
  /** what an operator has to do; absent if nothing */
  readonly remedy?: string;
  /** version from which the entity was resumed */
  readonly version?: number;
  /** versions from the history that the journal lacked; they were recorded first */
  readonly recorded: readonly number[];
  /** versions after a gap in the journal; they were set aside (`setAside`) */
  readonly setAside: readonly number[];
  /** ids of commands and facts that earlier runs received and the new run handles again */
  readonly messages: readonly string[];
  /**
   * the messages that the new run has refused; absent if it was not waited for, or did not answer
   */
  readonly refused?: readonly {
    readonly commandId: string;
    readonly code: string;
    readonly message: string;
  }[];
}

/** The report of a plan, before it is carried out. */
export function reportOf(
  log: AnyLog,
  orderId: string,
  plan: Plan<State>,
  journal: readonly StoredEvent[],
  command: ResumeCommand,
): ResumeReport {
  const { name } = log.entity;
  const report = (outcome: ResumeReport['outcome'], detail: string, more: Partial<ResumeReport> = {}) => {
    return { orderId, outcome, detail, recorded: [], setAside: [], messages: [], ...more };
  };
  const isDone = journal.some(
    ({ type, commandId }) => type === resumptionType(log) && commandId === command.commandId,
  );
  if (isDone || plan.kind === 'resuming') return report('already_resumed', 'it was resumed already');
  switch (plan.kind) {
    case 'unknown':
      return report('unknown', `neither Temporal nor the journal knows the ${name}`);
    case 'incomplete':
      return report('incomplete', plan.detail, {
        remedy: `restore a backup that has these events, then resume the ${name} again`,
      });
    case 'contradiction': {
      const { message } = forkFailure(log, plan.journal, plan.history);
      const remedy = `${comparedByHand(log.cliLines, orderId)}, and decide which one is true`;
      return report('contradiction', `${message}; both were recorded`, { remedy });
    }
    case 'restart':
      return report('restarted', 'it starts from its create command');
    case 'running':
      return report('running', 'its workflow runs', repairsOf(plan));
    case 'ended':
      return report('ended', `the ${name} is finished`, repairsOf(plan));
    case 'resume': {
      const { version } = plan.state;
      return report('resumed', `its workflow starts from version ${version}`, {
        version,
        ...repairsOf(plan),
      });
    }
    default:
      return plan satisfies never;
  }
}

function repairsOf({ record, setAside: beyond }: Repairs) {
  const versions = (events: readonly StoredEvent[]) => events.map(({ version }) => version);
  return { recorded: versions(record), setAside: versions(beyond) };
}

/** Adds the refused messages to the report, once the new run has handled all messages. */
export async function withRefusals(
  log: AnyLog,
  { client, db }: Databases,
  report: ResumeReport,
  command: ResumeCommand,
  withinMs: number,
): Promise<ResumeReport> {
  const { orderId, outcome, messages, version = 0 } = report;
  if (outcome !== 'resumed') return report;
  for (const giveUpAt = Date.now() + withinMs; Date.now() < giveUpAt; await setTimeout(POLL_EVERY_MS)) {
    const state = await client.connection
      .withDeadline(giveUpAt, () =>
        client.workflow.getHandle(workflowIdOf(log, orderId)).query<EntityState<State>>(stateQuery),
      )
      // The query fails while the run is loading its log, or if there is no worker.
      .catch(() => undefined);
    if (state === undefined || state.unrecorded > 0) continue;
    const events = await readStoredEvents(log, db, orderId, { from: version + 1 });
    if (!events.some(({ commandId }) => commandId === command.commandId)) continue;
    const refused = events.flatMap(({ type, commandId, data }) =>
      type === COMMAND_REJECTED && messages.includes(commandId)
        ? [
            {
              commandId,
              code: String(Reflect.get(data, 'code')),
              message: String(Reflect.get(data, 'message')),
            },
          ]
        : [],
    );
    return { ...report, refused };
  }
  return report;
}
