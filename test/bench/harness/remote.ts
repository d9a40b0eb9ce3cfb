import { fork } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../../src/outages/message-of.js';

/** Functions that another process offers. Arguments and results are JSON. */
export type RemoteFunctions = Record<string, (...args: never[]) => Promise<unknown>>;

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Return {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A process whose functions can be called. */
export interface Remote<O extends RemoteFunctions> {
  readonly pid: number;
  call<N extends keyof O & string>(name: N, ...args: Parameters<O[N]>): ReturnType<O[N]>;
  stop(): Promise<void>;
}

/**
 * Starts a process that calls `offer`, and waits until it does.
 *
 * @param module the module of the process, such as `baselines/bare-api.js`
 */
export async function startRemote<O extends RemoteFunctions>(
  module: string,
  env: Readonly<Record<string, string>>,
): Promise<Remote<O>> {
  const child = fork(fileURLToPath(new URL(`../${module}`, import.meta.url)), {
    env: { PATH: process.env['PATH'], ...env },
  });
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on('message', ({ id, result, error }: Return) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  });
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code) => {
      for (const { reject } of waiting.values()) reject(new Error(`${module} has ended (${String(code)}).`));
      waiting.clear();
      resolve();
    });
  });
  const call = (name: string, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      calls += 1;
      waiting.set(calls, { resolve, reject });
      child.send({ id: calls, name, args } satisfies Call);
    });
  await call('ready', []);
  return {
    pid: child.pid ?? 0,
    // Calls the function of this name in the other process, and resolves to its result.
    call: <N extends keyof O & string>(name: N, ...args: Parameters<O[N]>) =>
      call(name, args) as ReturnType<O[N]>,
    async stop() {
      if (child.connected) child.disconnect();
      await gone;
    },
  };
}

/** Offers functions to the parent process, and ends when the parent closes the connection. */
export function offer(functions: RemoteFunctions, close: () => Promise<void>): void {
  const offered = new Map<string, (...args: never[]) => Promise<unknown>>(
    Object.entries({ ...functions, ready: async () => undefined }),
  );
  process.on('message', ({ id, name, args }: Call) => {
    const call = offered.get(name);
    const answer = (message: Return): void => void process.send?.(message);
    if (call === undefined) return answer({ id, error: `There is no ${name}.` });
    call(...(args as never[])).then(
      (result) => answer({ id, result }),
      (error: unknown) => answer({ id, error: messageOf(error) }),
    );
  });
  process.once('disconnect', () => void close().finally(() => process.exit()));
  // Ctrl-C reaches every process of the terminal. The parent decides when this one ends.
  process.on('SIGINT', () => undefined);
}
