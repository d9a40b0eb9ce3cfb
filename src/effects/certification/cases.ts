import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { effectKey } from '../../log/entity.js';
import type { EffectType, Outcome } from '../../order/effects.js';
import type { Harness, Request } from './harness.js';
import { CaseFailed, expectSame, expectType, isOutcome, risks } from './expectations.js';

/** One situation that a provider has to handle. */
export interface Case {
  readonly name: string;
  readonly expected: string;
  /** @throws CaseFailed */
  run(harness: Harness): Promise<void>;
}

/** An effect under test: a call that succeeds, and a proof that it took effect exactly once. */
export interface Trial {
  readonly request: Request;
  /** the same key with other parameters */
  readonly other: Request;
  readonly outcome: Outcome['type'];
  /** the risk if it takes effect more than once */
  readonly twice: string;
  /** the risk if the effect counts as done and did not happen */
  readonly never: string;
  /** @throws CaseFailed unless it took effect exactly once */
  readonly prove: () => Promise<void>;
  /** Called after `prove`. @throws CaseFailed if it took effect again since */
  readonly proveAgain: () => Promise<void>;
}

/** Prepares a trial with a new key, making the calls that must come before it. */
export type Prepare = (harness: Harness, isSlow: boolean) => Promise<Trial>;

/** The cases that every effect is tested with. */
export function casesOf(type: EffectType, prepare: Prepare): readonly Case[] {
  const trial = (
    name: string,
    expected: string,
    run: (harness: Harness, trial: Trial) => Promise<void>,
    isSlow = false,
  ): Case => ({
    name: `${type}: ${name}`,
    expected,
    run: async (harness) => await run(harness, await prepare(harness, isSlow)),
  });
  return [
    trial(
      'repeated',
      'takes effect once, with one answer',
      async (harness, { request, outcome, twice, prove }) => {
        const first = await harness.ask(request);
        expectType('the call', first, outcome, risks.waits);
        expectSame('the call again', await harness.ask(request), first, twice);
        await prove();
      },
    ),
    trial(
      'concurrently, from two processes',
      'takes effect once, with one answer',
      async (harness, given) => {
        const { request, outcome, twice, prove } = given;
        const answers = await harness.askAtOnce([request, request, request, request]);
        const found = await harness.untilOutcome(request);
        expectType('the call', found, outcome, risks.waits);
        // A concurrent call may fail because of the others, so its key is looked up afterwards.
        for (const answer of answers.filter(isOutcome)) expectSame('one of four calls', answer, found, twice);
        await prove();
      },
    ),
    trial('crash before the call', 'is not known, then takes effect', async (harness, given) => {
      const { request, outcome, never, prove } = given;
      await harness.crash();
      expectType('lookUp', await harness.lookUp(request), 'none', never);
      expectType('the call', await harness.untilOutcome(request), outcome, risks.waits);
      await prove();
    }),
    trial('crash in the call', 'takes effect once, then or when tried again', async (harness, given) => {
      const { request, outcome, twice, prove } = given;
      await harness.crashInCall(request);
      const found = await harness.untilOutcome(request);
      expectType('the call', found, outcome, twice);
      expectSame('the call again', await harness.ask(request), found, twice);
      await prove();
    }),
    trial('crash after the call', 'is looked up with its answer', async (harness, given) => {
      const { request, outcome, twice, prove } = given;
      const first = await harness.ask(request);
      expectType('the call', first, outcome, risks.waits);
      await harness.crash();
      expectSame('lookUp', await harness.lookUp(request), first, twice);
      expectSame('the call again', await harness.ask(request), first, twice);
      await prove();
    }),
    trial('answer lost', 'is looked up with its answer', async (harness, { request, twice, prove }) => {
      const first = await harness.ask(request);
      expectSame('lookUp', await harness.lookUp(request), first, twice);
      await prove();
    }),
    trial(
      'time-out that took effect',
      'no answer or the right one, and never a decision',
      async (harness, { request, outcome, twice, prove }) => {
        const answer = await harness.ask(request, {
          abortAfterMs: type === 'authorize' || type === 'book' ? 300 : 1,
        });
        if (isOutcome(answer)) expectType('the call that was given up', answer, outcome, risks.decides);
        const found = await harness.untilOutcome(request);
        expectType('the call', found, outcome, risks.decides);
        if (isOutcome(answer)) expectSame('lookUp', found, answer, twice);
        await prove();
      },
      true,
    ),
    trial(
      'late answer',
      'is what another process was told meanwhile',
      async (harness, { request, outcome, twice, prove }) => {
        const { late, found } = await harness.askLate(request);
        expectType('the call', found, outcome, twice);
        if (isOutcome(late)) expectSame('the late answer', late, found, twice);
        await prove();
      },
      true,
    ),
    trial('duplicate that comes late', 'gets the first answer, without effect', async (harness, given) => {
      const { request, twice, prove, proveAgain } = given;
      const first = await harness.ask(request);
      await prove();
      expectSame('the late call', await harness.ask(request), first, twice);
      expectSame('lookUp', await harness.lookUp(request), first, twice);
      await proveAgain();
    }),
    trial(
      'other parameters under the key',
      'is refused by an error, without effect',
      async (harness, given) => {
        const { request, other, twice, prove } = given;
        const first = await harness.ask(request);
        const answer = await harness.ask(other);
        if (isOutcome(answer)) throw new CaseFailed(`the other call was answered ${answer.type}`, twice);
        expectSame('the first call again', await harness.ask(request), first, twice);
        await prove();
      },
    ),
  ];
}

/**
 * Makes these calls concurrently from one process, so their answers may arrive in any order.
 * Compares each answer with the outcome that is looked up.
 *
 * @throws CaseFailed if a call gets the answer to another call, or an answer of another type
 */
export async function expectOwnAnswers(
  harness: Harness,
  requests: readonly Request[],
  outcome: Outcome['type'],
  risk: string,
): Promise<void> {
  const answers = await Promise.all(requests.map(async (request) => await harness.ask(request)));
  for (const [index, request] of [...requests.entries()].toReversed()) {
    const found = await harness.untilOutcome(request);
    expectType(request.type, found, outcome, risk);
    const answer = answers[index];
    if (answer !== undefined && isOutcome(answer)) expectSame(request.type, answer, found, risk);
  }
}

export interface CaseResult {
  readonly case: string;
  readonly expected: string;
  readonly happened: string;
  readonly passed: boolean;
  /** what the failure would cost in production; absent if the case passed */
  readonly risk?: string;
}

/**
 * Runs cases one after another. After three calls in a row without an answer, or two effects in a
 * row without an outcome, the remaining cases are not tried.
 */
export async function runCases(
  harness: Harness,
  cases: readonly Case[],
  onProgress: (done: number) => void,
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const one of cases) {
    results.push(await runCase(harness, one));
    onProgress(results.length);
    await setTimeout(0);
  }
  return results;
}

async function runCase(harness: Harness, given: Case): Promise<CaseResult> {
  const about = { case: given.name, expected: given.expected };
  const { givenUp } = harness;
  if (givenUp !== undefined)
    return { ...about, happened: `not tried: ${givenUp}`, passed: false, risk: risks.waits };
  try {
    await given.run(harness);
    return { ...about, happened: 'as expected', passed: true };
  } catch (error) {
    if (!(error instanceof CaseFailed)) throw error;
    return { ...about, happened: error.message, passed: false, risk: error.risk };
  }
}

/** A new order id, so that the keys of its effects are unused. */
export function newOrder(): { readonly orderId: string; key(type: EffectType): string } {
  const orderId = `certify-${randomUUID()}`;
  let version = 1;
  return {
    orderId,
    key(type) {
      version += 1;
      return effectKey({ orderId, type, version });
    },
  };
}
