import type { RefusedCommand } from '../../log/gateway/outcome.js';
import { verbOf } from '../../api/commands/table.js';
import { messageOf } from '../../outages/message-of.js';
import { visible } from '../printing/terminal.js';
import { ConfigError } from '../../server/config/variables.js';

/** The exit codes of the scripts. `connections/api.ts` has the code of each HTTP status. */
export const exitCodes = {
  done: 0,
  /** the order, its version or a rule does not allow the command; or a check found something */
  refused: 1,
  /** the arguments, options or input are wrong, or the key does not allow the request */
  usage: 2,
  notFound: 3,
  /** no complete answer; a command may still take effect */
  unavailable: 4,
  unexpected: 5,
  interrupted: 130,
} as const;

export interface FailureDetails {
  readonly code: string;
  /** what is wrong, and what to do instead */
  readonly message: string;
  /** JSON pointer into the command's data */
  readonly pointer?: string;
  /** the API's names of the commands that are allowed; `verbOf` gives those of the scripts */
  readonly allowedCommands?: readonly string[];
}

/** Why a script ends with another exit code than 0. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;
  readonly details: FailureDetails;

  constructor(exitCode: number, details: FailureDetails) {
    super(details.message);
    this.exitCode = exitCode;
    this.details = details;
  }
}

const exitCodeOfRefusal: Readonly<Record<RefusedCommand['refusal']['kind'], number>> = {
  invalid: exitCodes.refused,
  not_allowed: exitCodes.refused,
  key_reused: exitCodes.refused,
  stale_version: exitCodes.refused,
  halted: exitCodes.refused,
  not_found: exitCodes.notFound,
  busy: exitCodes.unavailable,
  memory_from: exitCodes.unavailable,
};

export function failureOfRefusal({ refusal, allowedCommands }: RefusedCommand): Failure {
  const { kind, code, message, pointer } = refusal;
  return new Failure(exitCodeOfRefusal[kind], {
    code,
    message,
    ...(pointer === undefined ? {} : { pointer }),
    ...(kind === 'not_allowed' && allowedCommands !== undefined ? { allowedCommands } : {}),
  });
}

export function usageFailure(message: string, pointer?: string): Failure {
  return new Failure(exitCodes.usage, {
    code: 'bad_input',
    message,
    ...(pointer === undefined ? {} : { pointer }),
  });
}

/** No entity of this kind has the id. The code is the API's, such as `order_not_found`. */
export function entityNotFound(entity: string, id: string): Failure {
  return new Failure(exitCodes.notFound, {
    code: `${entity}_not_found`,
    message: `there is no ${entity} ${id}`,
  });
}

/** Any thrown value as a failure. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ConfigError)
    return new Failure(exitCodes.usage, { code: 'bad_configuration', message: error.message });
  return new Failure(exitCodes.unexpected, { code: 'unexpected', message: messageOf(error) });
}

/**
 * One readable line, without control characters: the code, what is wrong, where, and what would be
 * allowed instead.
 */
export function failureLine({ details }: Failure): string {
  const { code, message, pointer, allowedCommands } = details;
  const where = pointer === undefined || pointer === '' ? '' : ` (at ${pointer})`;
  const sentence = `${code}${where}: ${message}`;
  if (allowedCommands === undefined) return visible(sentence);
  const allowed = allowedCommands.length === 0 ? 'nothing' : allowedCommands.map(verbOf).join(', ');
  return visible(`${sentence}; allowed now: ${allowed}`);
}
