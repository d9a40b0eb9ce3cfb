import { setTimeout } from 'node:timers/promises';
import type { EffectOf, EffectType, Outcome } from '../../order/effects.js';
import { outcomeIn, hasType } from '../answers.js';
import type { BookRequest } from '../carriers/port.js';
import { CaseFailed, isOutcome, type Learned, risks } from './expectations.js';
import type { Kind, Ready } from './messages.js';
import { type CallSettings, type ProviderProcess, type Reply, startProvider } from './provider-process.js';

/** An effect that a case asks the provider for. */
export type Request = EffectOf<Exclude<EffectType, 'book'>> | Booking;

/** A request for a label, with the type of its effect. */
export interface Booking extends BookRequest {
  readonly type: 'book';
}

/**
 * How long an effect may take to get an outcome. The time is long, because a database may keep the
 * locks of a killed process: MongoDB ends its transaction after 60 s.
 */
const OUTCOME_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 100;
const SILENCES_BEFORE_GIVING_UP = 3;
/**
 * Certification stops after this many effects without an outcome. Each takes `OUTCOME_WITHIN_MS`.
 */
const WITHOUT_OUTCOME_BEFORE_GIVING_UP = 2;

/** Two processes with the provider under test. One that is killed is replaced. */
export class Harness {
  readonly about: Ready;
  private readonly start: () => Promise<ProviderProcess>;
  private first: ProviderProcess;
  private readonly second: ProviderProcess;
  private spare: Promise<ProviderProcess>;
  private silences = 0;
  /** effects in a row that had no outcome */
  private withoutOutcome = 0;

  private constructor(
    start: () => Promise<ProviderProcess>,
    [first, second]: readonly [ProviderProcess, ProviderProcess],
  ) {
    this.start = start;
    this.first = first;
    this.second = second;
    this.about = first.about;
    this.spare = this.startSpare();
  }

  /** @throws Unusable */
  static async open(kind: Kind, path: string): Promise<Harness> {
    const start = () => startProvider(kind, path);
    const first = await start();
    try {
      return new Harness(start, [first, await start()]);
    } catch (error) {
      first.kill();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const one of [this.first, this.second]) one.kill();
    await this.spare.then(
      (spare) => spare.kill(),
      () => undefined,
    );
  }

  has(name: string): boolean {
    return this.about.has.includes(name);
  }

  /** Kills the first process and starts another one in its place. */
  async crash(): Promise<void> {
    this.first.kill();
    this.first = await this.spare;
    this.spare = this.startSpare();
  }

  /** A failure to start is reported when the process is needed. */
  private startSpare(): Promise<ProviderProcess> {
    const spare = this.start();
    spare.catch(() => undefined);
    return spare;
  }

  /** Kills the first process as soon as the call has begun, and starts another one in its place. */
  async crashInCall(request: Request): Promise<void> {
    await this.first.call(request.type, argumentOf(request), { killInCall: true });
    await this.crash();
  }

  /** Makes the call. @throws CaseFailed without an answer in 10 s, or if its shape is unknown */
  async ask(request: Request, settings?: CallSettings): Promise<Learned> {
    return await this.askFrom(this.first, request, settings);
  }

  /** Makes all these calls concurrently, from both processes. */
  async askAtOnce(requests: readonly Request[]): Promise<readonly Learned[]> {
    return await Promise.all(
      requests.map(async (request, index) => {
        const from = index % 2 === 0 ? this.first : this.second;
        return await this.askFrom(from, request);
      }),
    );
  }

  /**
   * Makes the call. While it is under way, finds its outcome from another process.
   *
   * @returns the answer of the call, and the outcome that the other process has found
   */
  async askLate(request: Request): Promise<{ readonly late: Learned; readonly found: Outcome }> {
    let late: Promise<Learned> | undefined;
    const begun = new Promise<void>((resolve) => {
      late = this.ask(request, { onBegun: resolve }).finally(resolve);
    });
    const finding = begun.then(async () => await this.untilOutcome(request, this.second));
    const [answer, found] = await Promise.all([late, finding]);
    return { late: answer ?? { type: 'error' }, found };
  }

  async lookUp(request: Request, from = this.first): Promise<Learned> {
    return this.learned(request, 'lookUp', await from.call('lookUp', request.key));
  }

  /** Calls a function that performs no effect. */
  async use(name: string, argument: unknown): Promise<unknown> {
    const reply = await this.first.call(name, argument);
    if ('answer' in reply) return reply.answer;
    throw new CaseFailed(`${name}: ${'error' in reply ? reply.error : 'no answer'}`, risks.waits);
  }

  /**
   * Calls the provider as a worker does: looks the key up, calls if the answer is `none`, and
   * repeats both until there is an outcome.
   *
   * @throws CaseFailed if there is no outcome in `OUTCOME_WITHIN_MS`, and for the reasons of `ask`
   */
  async untilOutcome(request: Request, from = this.first): Promise<Outcome> {
    const giveUpAt = Date.now() + OUTCOME_WITHIN_MS;
    for (;;) {
      const known = await this.lookUp(request, from);
      const learned = known.type === 'none' ? await this.askFrom(from, request) : known;
      if (isOutcome(learned)) {
        this.withoutOutcome = 0;
        return learned;
      }
      if (Date.now() > giveUpAt) {
        this.withoutOutcome += 1;
        const last = `${known.type === 'none' ? request.type : 'lookUp'}: ${learned.type}`;
        throw new CaseFailed(
          `${request.type} has no outcome in ${OUTCOME_WITHIN_MS / 1_000} s; the last answer is ${last}`,
          risks.waits,
        );
      }
      await setTimeout(LOOK_EVERY_MS);
    }
  }

  private async askFrom(from: ProviderProcess, request: Request, settings?: CallSettings): Promise<Learned> {
    const reply = await from.call(request.type, argumentOf(request), settings);
    return this.learned(request, request.type, reply);
  }

  private learned({ type }: Request, asked: string, reply: Reply): Learned {
    if ('silent' in reply) {
      this.silences += 1;
      throw new CaseFailed(`${asked} did not answer in 10 s`, risks.waits);
    }
    this.silences = 0;
    if (!('answer' in reply)) return { type: 'error' };
    const { answer } = reply;
    if (hasType(answer, 'unknown')) return { type: 'unknown' };
    if (asked === 'lookUp' && hasType(answer, 'none')) return { type: 'none' };
    const outcome = outcomeIn(type, answer);
    if (outcome === undefined)
      throw new CaseFailed(`${asked} answered ${JSON.stringify(answer)}`, risks.waits);
    return outcome;
  }

  /** Why the remaining cases are not run; undefined if they are run. */
  get givenUp(): string | undefined {
    if (this.silences >= SILENCES_BEFORE_GIVING_UP) return 'nothing is answered';
    return this.withoutOutcome >= WITHOUT_OUTCOME_BEFORE_GIVING_UP ? 'no effect has an outcome' : undefined;
  }
}

/** The argument of the call: the request, for `book` without its member `type`. */
function argumentOf(request: Request): unknown {
  if (request.type !== 'book') return request;
  const { type: _, ...given } = request;
  return given;
}
