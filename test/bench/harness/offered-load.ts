import { setTimeout } from 'node:timers/promises';
import type { HttpAnswer, HttpConnection } from './http-connection.js';

/** Requests of one kind that are sent at a rate, whether or not earlier ones are answered. */
export interface OfferedLoad {
  /** each request is sent on a connection that is free */
  readonly connections: readonly HttpConnection[];
  readonly perSecond: number;
  readonly send: (connection: HttpConnection) => Promise<HttpAnswer>;
}

/** The results of the requests of an offer. Times are in milliseconds. */
export interface Served {
  /** the time of each successful answer */
  readonly times: readonly number[];
  readonly refused: number;
  /** answers of any other kind, by status and code */
  readonly failed: ReadonlyMap<string, number>;
  /** requests for which no connection was free */
  readonly unsent: number;
  readonly ms: number;
}

const TICK_MS = 5;

/** Sends requests for the given time, then waits for the remaining answers. */
export async function offerLoad({ connections, perSecond, send }: OfferedLoad, ms: number): Promise<Served> {
  const free = [...connections];
  const answers: Promise<void>[] = [];
  const times: number[] = [];
  const failed = new Map<string, number>();
  let refused = 0;
  let unsent = 0;
  const fail = (how: string): void => void failed.set(how, (failed.get(how) ?? 0) + 1);
  const ask = async (connection: HttpConnection): Promise<void> => {
    const begun = performance.now();
    const answer = await send(connection).catch(() => undefined);
    if (answer === undefined) return fail('a connection that was cut');
    const { status, body } = answer;
    free.push(connection);
    if (status < 300) {
      times.push(performance.now() - begun);
      return;
    }
    const { code } = JSON.parse(body.toString()) as { readonly code: string };
    if (code === 'overloaded') refused += 1;
    else fail(`${status} ${code}`);
  };
  const start = performance.now();
  for (let due = 0; performance.now() - start < ms; await setTimeout(TICK_MS)) {
    const dueNow = ((performance.now() - start) / 1_000) * perSecond;
    for (; due < dueNow; due += 1) {
      const connection = free.pop();
      if (connection === undefined) unsent += 1;
      else answers.push(ask(connection));
    }
  }
  await Promise.all(answers);
  return { times, refused, failed, unsent, ms };
}
