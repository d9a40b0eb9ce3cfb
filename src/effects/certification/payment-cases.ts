import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { EffectOf, EffectType } from '../../order/effects.js';
import { type Balance, sandboxMethods, type TestMethods } from '../payments/port.js';
import {
  type Bench,
  expectSame,
  expectType,
  isOutcome,
  type Learned,
  newOrder,
  risks,
  Wrong,
} from './bench.js';
import { type Case, casesOf, expectOwnAnswers, type Prepare, type Trial } from './cases.js';

const currency = 'EUR';
const correlationId = 'certification';
const hour = 3_600_000;

/** What a payment provider is certified by. */
export function paymentCases({ about }: Bench): readonly Case[] {
  const methods = { ...sandboxMethods, ...(about.testMethods as Partial<TestMethods> | undefined) };
  const payment = (bench: Bench) => new Payment(bench, methods);
  const repeated: Readonly<Record<'authorize' | 'capture' | 'void' | 'refund', Prepare>> = {
    authorize: async (bench, isSlow) => payment(bench).authorization(isSlow),
    capture: async (bench) => await payment(bench).capture(),
    void: async (bench) => await payment(bench).release(),
    refund: async (bench) => await payment(bench).refund(),
  };
  const once = (
    name: string,
    expected: string,
    run: (payment: Payment, bench: Bench) => Promise<void>,
  ): Case => ({
    name,
    expected,
    run: async (bench) => await run(payment(bench), bench),
  });
  return [
    ...Object.entries(repeated).flatMap(([type, prepare]) => casesOf(type as EffectType, prepare)),
    once('declined', 'is declined for good, and looked up so', async (given, bench) => {
      const request = given.authorizing(1_000, methods.declined);
      const first = await bench.ask(request);
      expectType('authorize', first, 'declined', risks.chargesTwice);
      await bench.crash();
      expectSame('lookUp', await bench.lookUp(request), first, risks.chargesTwice);
      expectSame('authorize again', await bench.ask(request), first, risks.chargesTwice);
      await given.expectBalance({ held: 0, captured: 0, refunded: 0 }, risks.losesMoney);
    }),
    once('pending', 'can be voided, and not captured before or after', async (given, bench) => {
      const request = given.authorizing(1_000, methods.pending);
      const first = await bench.ask(request);
      expectType('authorize', first, 'pending', risks.waits);
      expectSame('lookUp', await bench.lookUp(request), first, risks.waits);
      const id = authorizationIn(first);
      expectType('capture', await bench.ask(given.capturing(id, 1)), 'declined', risks.losesMoney);
      expectType('void', await bench.settle(given.voiding(id)), 'voided', risks.losesMoney);
      expectType('capture after it', await bench.ask(given.capturing(id, 1)), 'declined', risks.losesMoney);
    }),
    once('expired', 'is not captured, and can be voided', async (given, bench) => {
      const id = await given.authorized(1_000, 1);
      await setTimeout(100);
      const request = given.capturing(id, 1);
      const first = await bench.ask(request);
      expectType('capture', first, 'expired', risks.losesMoney);
      expectSame('lookUp', await bench.lookUp(request), first, risks.losesMoney);
      const { type } = await bench.ask(given.voiding(id));
      if (type !== 'expired' && type !== 'voided') throw new Wrong(`void: ${type}`, risks.waits);
      await given.expectCaptured(0);
    }),
    once('partial captures', 'up to what was authorized', async (given) => {
      const id = await given.authorized();
      await given.captured(id, 300);
      await given.captured(id, 700);
      await given.expectNothingLeft(id);
      await given.expectCaptured(1_000);
    }),
    once('captures at once', 'never more than was authorized', async (given, bench) => {
      const id = await given.authorized();
      const requests = [400, 400, 400].map((amount) => given.capturing(id, amount));
      await bench.askAtOnce(requests);
      const outcomes = [];
      for (const request of requests) outcomes.push(await bench.settle(request));
      const taken = outcomes.filter(({ type }) => type === 'captured').length;
      if (taken !== 2)
        throw new Wrong(
          `${taken} of 3 × 400 were captured of 1000`,
          taken > 2 ? risks.chargesTwice : risks.losesMoney,
        );
      await given.captured(id, 200);
      await given.expectNothingLeft(id);
    }),
    once('reordered answers', 'each key has its own answer', async (given, bench) => {
      const requests = [given.authorizing(300, methods.slow), given.authorizing(400, methods.approved)];
      await expectOwnAnswers(bench, requests, 'authorized', risks.chargesTwice);
      for (const request of requests) {
        const id = authorizationIn(await bench.lookUp(request));
        await given.captured(id, request.amount);
        await given.expectNothingLeft(id);
      }
    }),
    once('void and capture at once', 'nothing is captured after the void', async (given, bench) => {
      const id = await given.authorized();
      const [capture, release] = [given.capturing(id, 400), given.voiding(id)];
      await bench.askAtOnce([capture, release]);
      expectType('void', await bench.settle(release), 'voided', risks.losesMoney);
      const { type } = await bench.settle(capture);
      await given.expectNothingLeft(id);
      await given.expectBalance(
        { held: 0, captured: type === 'captured' ? 400 : 0, refunded: 0 },
        risks.losesMoney,
      );
    }),
    once('void after a partial capture', 'what was captured stays', async (given, bench) => {
      const id = await given.authorized();
      const captureId = await given.captured(id, 400);
      expectType('void', await bench.settle(given.voiding(id)), 'voided', risks.losesMoney);
      await given.expectNothingLeft(id);
      await given.expectCaptured(400);
      expectType(
        'refund',
        await bench.settle(given.refunding(captureId, 400)),
        'refunded',
        risks.chargesTwice,
      );
    }),
    once('partial refunds', 'up to what was captured', async (given) => {
      const captureId = await given.captured(await given.authorized(), 1_000);
      await given.refunded(captureId, 600);
      await given.refunded(captureId, 400);
      await given.expectNothingToRefund(captureId);
    }),
    once('refunds at once', 'never more than was captured', async (given, bench) => {
      const captureId = await given.captured(await given.authorized(), 1_000);
      const requests = [400, 400, 400].map((amount) => given.refunding(captureId, amount));
      await bench.askAtOnce(requests);
      let refunded = 0;
      for (const request of requests) {
        // A refusal may be final, or only due to the concurrent calls: the same call again shows
        // which.
        const known = await bench.lookUp(request);
        const { type } = known.type === 'none' ? await bench.ask(request) : known;
        if (type === 'refunded') refunded += 1;
      }
      if (refunded !== 2) throw new Wrong(`${refunded} of 3 × 400 were refunded of 1000`, risks.losesMoney);
      await given.refunded(captureId, 200);
      await given.expectNothingToRefund(captureId);
    }),
  ];
}

function authorizationIn(learned: Learned): string {
  return 'authorizationId' in learned ? learned.authorizationId : '';
}

/** Calls about one order. */
class Payment {
  private readonly bench: Bench;
  private readonly methods: TestMethods;
  private readonly order = newOrder();

  constructor(bench: Bench, methods: TestMethods) {
    this.bench = bench;
    this.methods = methods;
  }

  authorizing(amount: number, method: string, ttl = hour): EffectOf<'authorize'> {
    return {
      type: 'authorize',
      key: this.order.key('authorize'),
      correlationId,
      amount,
      currency,
      method,
      ttl,
    };
  }

  capturing(authorizationId: string, amount: number): EffectOf<'capture'> {
    const key = this.order.key('capture');
    return { type: 'capture', key, correlationId, authorizationId, shipmentId: 's1', amount, currency };
  }

  voiding(authorizationId: string): EffectOf<'void'> {
    return { type: 'void', key: this.order.key('void'), correlationId, authorizationId };
  }

  refunding(captureId: string, amount: number): EffectOf<'refund'> {
    const key = this.order.key('refund');
    return { type: 'refund', key, correlationId, captureId, refundId: 'f1', amount, currency };
  }

  /** @returns the id of a new authorization */
  async authorized(amount = 1_000, ttl = hour): Promise<string> {
    const outcome = await this.bench.settle(this.authorizing(amount, this.methods.approved, ttl));
    if (outcome.type === 'authorized') return outcome.authorizationId;
    throw new Wrong(`authorize: ${outcome.type}`, risks.waits);
  }

  /** @returns the id of a new capture */
  async captured(authorizationId: string, amount: number): Promise<string> {
    const outcome = await this.bench.settle(this.capturing(authorizationId, amount));
    if (outcome.type === 'captured') return outcome.captureId;
    throw new Wrong(`capture of ${amount} that are left: ${outcome.type}`, risks.chargesTwice);
  }

  async refunded(captureId: string, amount: number): Promise<void> {
    const request = this.refunding(captureId, amount);
    const outcome = await this.bench.ask(request);
    expectType(`refund of ${amount} that are left`, outcome, 'refunded', risks.losesMoney);
  }

  /** Checks that nothing more can be captured. */
  async expectNothingLeft(authorizationId: string): Promise<void> {
    const outcome = await this.bench.ask(this.capturing(authorizationId, 1));
    if (outcome.type === 'captured') throw new Wrong('1 more could be captured', risks.chargesTwice);
    if (!isOutcome(outcome)) throw new Wrong(`capture of 1 more: ${outcome.type}, not declined`, risks.waits);
  }

  async expectNothingToRefund(captureId: string): Promise<void> {
    const outcome = await this.bench.ask(this.refunding(captureId, 1));
    if (isOutcome(outcome)) throw new Wrong('1 more could be refunded', risks.losesMoney);
  }

  async expectCaptured(captured: number): Promise<void> {
    const { captured: is } = (await this.balance()) ?? { captured };
    if (is !== captured)
      throw new Wrong(
        `the balance says ${is} captured, not ${captured}`,
        is > captured ? risks.chargesTwice : risks.losesMoney,
      );
  }

  /** Checks the balance, if the module has the function `balance`. */
  async expectBalance(expected: Balance, risk: string): Promise<void> {
    const is = (await this.balance()) ?? expected;
    if (!isDeepStrictEqual(is, expected))
      throw new Wrong(`the balance is ${JSON.stringify(is)}, not ${JSON.stringify(expected)}`, risk);
  }

  private async balance(): Promise<Balance | undefined> {
    if (!this.bench.has('balance')) return undefined;
    const { held, captured, refunded } = (await this.bench.use('balance', this.order.orderId)) as Balance;
    return { held, captured, refunded };
  }

  // --- trials ---

  authorization(isSlow: boolean): Trial {
    const request = this.authorizing(1_000, isSlow ? this.methods.slow : this.methods.approved);
    return {
      request,
      other: { ...request, amount: 2_000 },
      outcome: 'authorized',
      twice: risks.chargesTwice,
      never: risks.losesMoney,
      prove: async () => {
        await this.expectBalance({ held: 1_000, captured: 0, refunded: 0 }, risks.chargesTwice);
        const id = authorizationIn(await this.bench.lookUp(request));
        await this.captured(id, 1_000);
        await this.expectNothingLeft(id);
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 0 }, risks.chargesTwice);
      },
      proveAgain: async () =>
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 0 }, risks.chargesTwice),
    };
  }

  async capture(): Promise<Trial> {
    const id = await this.authorized();
    const request = this.capturing(id, 600);
    return {
      request,
      other: { ...request, amount: 100 },
      outcome: 'captured',
      twice: risks.chargesTwice,
      never: risks.losesMoney,
      prove: async () => {
        await this.expectBalance({ held: 400, captured: 600, refunded: 0 }, risks.chargesTwice);
        await this.captured(id, 400);
        await this.expectNothingLeft(id);
        await this.expectCaptured(1_000);
      },
      proveAgain: async () =>
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 0 }, risks.chargesTwice),
    };
  }

  async release(): Promise<Trial> {
    const id = await this.authorized();
    const request = this.voiding(id);
    return {
      request,
      other: { ...request, authorizationId: await this.authorized(500) },
      outcome: 'voided',
      twice: risks.losesMoney,
      never: risks.losesMoney,
      prove: async () => {
        await this.expectNothingLeft(id);
        await this.expectBalance({ held: 500, captured: 0, refunded: 0 }, risks.losesMoney);
      },
      proveAgain: async () =>
        await this.expectBalance({ held: 500, captured: 0, refunded: 0 }, risks.losesMoney),
    };
  }

  async refund(): Promise<Trial> {
    const captureId = await this.captured(await this.authorized(), 1_000);
    const request = this.refunding(captureId, 600);
    return {
      request,
      other: { ...request, amount: 100 },
      outcome: 'refunded',
      twice: risks.losesMoney,
      never: risks.losesMoney,
      prove: async () => {
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 600 }, risks.losesMoney);
        await this.refunded(captureId, 400);
        await this.expectNothingToRefund(captureId);
      },
      proveAgain: async () =>
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 1_000 }, risks.losesMoney),
    };
  }
}
