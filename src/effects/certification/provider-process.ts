import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Call, Kind, Ready, Report } from './messages.js';

/**
 * How a call ended, as its caller sees it. `lost`: the process has ended. `silent`: there was no
 * answer in `ANSWER_WITHIN_MS`.
 */
export type Reply =
  | { readonly answer: unknown }
  | { readonly error: string }
  | { readonly lost: true }
  | { readonly silent: true };

export interface CallSettings {
  readonly abortAfterMs?: number;
  readonly onBegun?: () => void;
  /** kills the process when the call has begun */
  readonly killInCall?: true;
}

/** A process that has loaded the provider. */
export interface ProviderProcess {
  readonly about: Ready;
  call(name: string, argument: unknown, settings?: CallSettings): Promise<Reply>;
  /** Kills the process (SIGKILL). */
  kill(): void;
}

/** The provider cannot be certified: it does not load, or lacks what certification needs. */
export class Unusable extends Error {
  override readonly name = 'Unusable';
}

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
/** After this long, a call counts as unanswered. */
const ANSWER_WITHIN_MS = 10_000;
const READY_WITHIN_MS = 60_000;

/** @throws Unusable */
export async function startProvider(kind: Kind, path: string): Promise<ProviderProcess> {
  // `advanced` keeps values that JSON would change, such as dates and bigints.
  const child = fork(CHILD, [kind, path], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { end: (reply: Reply) => void; begun: () => void }>();
  let calls = 0;
  child.on('exit', () => {
    for (const { end } of waiting.values()) end({ lost: true });
  });
  const about = await readyOf(child);
  child.on('message', (report: Report) => {
    if (!('id' in report)) return;
    const call = waiting.get(report.id);
    if ('started' in report) call?.begun();
    else call?.end('error' in report ? { error: report.error } : { answer: report.answer });
  });
  const kill = (): void => void child.kill('SIGKILL');
  return {
    about,
    kill,
    call: async (name, argument, { abortAfterMs, onBegun, killInCall } = {}) =>
      await new Promise<Reply>((resolve) => {
        calls += 1;
        const id = calls;
        const end = (reply: Reply): void => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(reply);
        };
        const timer = setTimeout(() => end({ silent: true }), ANSWER_WITHIN_MS);
        waiting.set(id, { end, begun: killInCall ? kill : (onBegun ?? (() => undefined)) });
        const call: Call = { id, name, argument, ...(abortAfterMs !== undefined && { abortAfterMs }) };
        child.send(call, (error) => {
          if (error !== null) end({ lost: true });
        });
      }),
  };
}

async function readyOf(child: ChildProcess): Promise<Ready> {
  return await new Promise<Ready>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Unusable('it does not load within a minute'));
    }, READY_WITHIN_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Unusable('its process ended while it was loaded'));
    });
    child.once('message', (report: Report) => {
      clearTimeout(timer);
      if ('ready' in report) return resolve(report.ready);
      child.kill('SIGKILL');
      reject(new Unusable('unusable' in report ? report.unusable : 'it does not load'));
    });
  });
}
