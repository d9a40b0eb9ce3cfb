import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { EffectOf, EffectType } from '../../order/effects.js';
import { type Balance, sandboxMethods, type TestMethods } from '../payments/port.js';
import type { Harness } from './harness.js';
import { type Case, casesOf, expectOwnAnswers, newOrder, type Prepare, type Trial } from './cases.js';
import { CaseFailed, expectSame, expectType, isOutcome, type Learned, risks } from './expectations.js';

const currency = 'EUR';
const correlationId = 'certification';
const HOUR_MS = 3_600_000;

/** The cases that certify a payment provider. */
export function paymentCases({ about }: Harness): readonly Case[] {
  const methods = { ...sandboxMethods, ...(about.testMethods as Partial<TestMethods> | undefined) };
  const payment = (harness: Harness) => new Payment(harness, methods);
  const repeated: Readonly<Record<'authorize' | 'capture' | 'void' | 'refund', Prepare>> = {
    authorize: async (harness, isSlow) => payment(harness).authorizeTrial(isSlow),
    capture: async (harness) => await payment(harness).captureTrial(),
    void: async (harness) => await payment(harness).voidTrial(),
    refund: async (harness) => await payment(harness).refundTrial(),
  };
  const once = (
    name: string,
    expected: string,
    run: (payment: Payment, harness: Harness) => Promise<void>,
  ): Case => ({
    name,
    expected,
    run: async (harness) => await run(payment(harness), harness),
  });
  return [
    ...Object.entries(repeated).flatMap(([type, prepare]) => casesOf(type as EffectType, prepare)),
    once('declined', 'is declined for good, and looked up so', async (given, harness) => {
      const request = given.authorizeRequest(1_000, methods.declined);
      const first = await harness.ask(request);
      expectType('authorize', first, 'declined', risks.chargesTwice);
      await harness.crash();
      expectSame('lookUp', await harness.lookUp(request), first, risks.chargesTwice);
      expectSame('authorize again', await harness.ask(request), first, risks.chargesTwice);
      await given.expectBalance({ held: 0, captured: 0, refunded: 0 }, risks.losesMoney);
    }),
    once('pending', 'can be voided, and not captured before or after', async (given, harness) => {
      const request = given.authorizeRequest(1_000, methods.pending);
      const first = await harness.ask(request);
      expectType('authorize', first, 'pending', risks.waits);
      expectSame('lookUp', await harness.lookUp(request), first, risks.waits);
      const id = authorizationIn(first);
      expectType('capture', await harness.ask(given.captureRequest(id, 1)), 'declined', risks.losesMoney);
      expectType('void', await harness.untilOutcome(given.voidRequest(id)), 'voided', risks.losesMoney);
      expectType(
        'capture after it',
        await harness.ask(given.captureRequest(id, 1)),
        'declined',
        risks.losesMoney,
      );
    }),
    once('expired', 'is not captured, and can be voided', async (given, harness) => {
      const id = await given.authorize(1_000, 1);
      await setTimeout(100);
      const request = given.captureRequest(id, 1);
      const first = await harness.ask(request);
      expectType('capture', first, 'expired', risks.losesMoney);
      expectSame('lookUp', await harness.lookUp(request), first, risks.losesMoney);
      const { type } = await harness.ask(given.voidRequest(id));
      if (type !== 'expired' && type !== 'voided') throw new CaseFailed(`void: ${type}`, risks.waits);
      await given.expectCaptured(0);
    }),
    once('partial captures', 'up to what was authorized', async (given) => {
      const id = await given.authorize();
      await given.capture(id, 300);
      await given.capture(id, 700);
      await given.expectNothingLeft(id);
      await given.expectCaptured(1_000);
    }),
    once('concurrent captures', 'never more than was authorized', async (given, harness) => {
      const id = await given.authorize();
      const requests = [400, 400, 400].map((amount) => given.captureRequest(id, amount));
      await harness.askAtOnce(requests);
      const outcomes = [];
      for (const request of requests) outcomes.push(await harness.untilOutcome(request));
      const taken = outcomes.filter(({ type }) => type === 'captured').length;
      if (taken !== 2)
        throw new CaseFailed(
          `${taken} of 3 × 400 were captured of 1000`,
          taken > 2 ? risks.chargesTwice : risks.losesMoney,
        );
      await given.capture(id, 200);
      await given.expectNothingLeft(id);
    }),
    once('reordered answers', 'each key has its own answer', async (given, harness) => {
      const requests = [
        given.authorizeRequest(300, methods.slow),
        given.authorizeRequest(400, methods.approved),
      ];
      await expectOwnAnswers(harness, requests, 'authorized', risks.chargesTwice);
      for (const request of requests) {
        const id = authorizationIn(await harness.lookUp(request));
        await given.capture(id, request.amount);
        await given.expectNothingLeft(id);
      }
    }),
    once('concurrent void and capture', 'nothing is captured after the void', async (given, harness) => {
      const id = await given.authorize();
      const [capture, release] = [given.captureRequest(id, 400), given.voidRequest(id)];
      await harness.askAtOnce([capture, release]);
      expectType('void', await harness.untilOutcome(release), 'voided', risks.losesMoney);
      const { type } = await harness.untilOutcome(capture);
      await given.expectNothingLeft(id);
      await given.expectBalance(
        { held: 0, captured: type === 'captured' ? 400 : 0, refunded: 0 },
        risks.losesMoney,
      );
    }),
    once('void after a partial capture', 'what was captured stays', async (given, harness) => {
      const id = await given.authorize();
      const captureId = await given.capture(id, 400);
      expectType('void', await harness.untilOutcome(given.voidRequest(id)), 'voided', risks.losesMoney);
      await given.expectNothingLeft(id);
      await given.expectCaptured(400);
      expectType(
        'refund',
        await harness.untilOutcome(given.refundRequest(captureId, 400)),
        'refunded',
        risks.chargesTwice,
      );
    }),
    once('partial refunds', 'up to what was captured', async (given) => {
      const captureId = await given.capture(await given.authorize(), 1_000);
      await given.refund(captureId, 600);
      await given.refund(captureId, 400);
      await given.expectNothingToRefund(captureId);
    }),
    once('concurrent refunds', 'never more than was captured', async (given, harness) => {
      const captureId = await given.capture(await given.authorize(), 1_000);
      const requests = [400, 400, 400].map((amount) => given.refundRequest(captureId, amount));
      await harness.askAtOnce(requests);
      let refunded = 0;
      for (const request of requests) {
        // A refusal may be final, or only due to the concurrent calls. Repeating the call shows
        // which one it is.
        const known = await harness.lookUp(request);
        const { type } = known.type === 'none' ? await harness.ask(request) : known;
        if (type === 'refunded') refunded += 1;
      }
      if (refunded !== 2)
        throw new CaseFailed(`${refunded} of 3 × 400 were refunded of 1000`, risks.losesMoney);
      await given.refund(captureId, 200);
      await given.expectNothingToRefund(captureId);
    }),
  ];
}

function authorizationIn(learned: Learned): string {
  return 'authorizationId' in learned ? learned.authorizationId : '';
}

/**
 * Calls about one order: `authorizeRequest` makes a request, `authorize` performs one that has to
 * succeed, and `authorizeTrial` makes a trial. `capture` and `refund` have the same three
 * functions, and `void` has a request and a trial.
 */
class Payment {
  private readonly harness: Harness;
  private readonly methods: TestMethods;
  private readonly order = newOrder();

  constructor(harness: Harness, methods: TestMethods) {
    this.harness = harness;
    this.methods = methods;
  }

  authorizeRequest(amount: number, method: string, ttl = HOUR_MS): EffectOf<'authorize'> {
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

  captureRequest(authorizationId: string, amount: number): EffectOf<'capture'> {
    const key = this.order.key('capture');
    return { type: 'capture', key, correlationId, authorizationId, shipmentId: 's1', amount, currency };
  }

  voidRequest(authorizationId: string): EffectOf<'void'> {
    return { type: 'void', key: this.order.key('void'), correlationId, authorizationId };
  }

  refundRequest(captureId: string, amount: number): EffectOf<'refund'> {
    const key = this.order.key('refund');
    return { type: 'refund', key, correlationId, captureId, refundId: 'f1', amount, currency };
  }

  /** @returns the id of a new authorization */
  async authorize(amount = 1_000, ttl = HOUR_MS): Promise<string> {
    const outcome = await this.harness.untilOutcome(
      this.authorizeRequest(amount, this.methods.approved, ttl),
    );
    if (outcome.type === 'authorized') return outcome.authorizationId;
    throw new CaseFailed(`authorize: ${outcome.type}`, risks.waits);
  }

  /** @returns the id of a new capture */
  async capture(authorizationId: string, amount: number): Promise<string> {
    const outcome = await this.harness.untilOutcome(this.captureRequest(authorizationId, amount));
    if (outcome.type === 'captured') return outcome.captureId;
    throw new CaseFailed(`capture of ${amount} that are left: ${outcome.type}`, risks.chargesTwice);
  }

  async refund(captureId: string, amount: number): Promise<void> {
    const request = this.refundRequest(captureId, amount);
    const outcome = await this.harness.ask(request);
    expectType(`refund of ${amount} that are left`, outcome, 'refunded', risks.losesMoney);
  }

  /** Checks that nothing more can be captured. */
  async expectNothingLeft(authorizationId: string): Promise<void> {
    const outcome = await this.harness.ask(this.captureRequest(authorizationId, 1));
    if (outcome.type === 'captured') throw new CaseFailed('1 more could be captured', risks.chargesTwice);
    if (!isOutcome(outcome))
      throw new CaseFailed(`capture of 1 more: ${outcome.type}, not declined`, risks.waits);
  }

  async expectNothingToRefund(captureId: string): Promise<void> {
    const outcome = await this.harness.ask(this.refundRequest(captureId, 1));
    if (isOutcome(outcome)) throw new CaseFailed('1 more could be refunded', risks.losesMoney);
  }

  async expectCaptured(captured: number): Promise<void> {
    const { captured: found } = (await this.balance()) ?? { captured };
    if (found !== captured)
      throw new CaseFailed(
        `the balance says ${found} captured, not ${captured}`,
        found > captured ? risks.chargesTwice : risks.losesMoney,
      );
  }

  /** Checks the balance, if the module has the function `balance`. */
  async expectBalance(expected: Balance, risk: string): Promise<void> {
    const found = (await this.balance()) ?? expected;
    if (!isDeepStrictEqual(found, expected))
      throw new CaseFailed(`the balance is ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`, risk);
  }

  private async balance(): Promise<Balance | undefined> {
    if (!this.harness.has('balance')) return undefined;
    const { held, captured, refunded } = (await this.harness.use('balance', this.order.orderId)) as Balance;
    return { held, captured, refunded };
  }

  authorizeTrial(isSlow: boolean): Trial {
    const request = this.authorizeRequest(1_000, isSlow ? this.methods.slow : this.methods.approved);
    return {
      request,
      other: { ...request, amount: 2_000 },
      outcome: 'authorized',
      twice: risks.chargesTwice,
      never: risks.losesMoney,
      prove: async () => {
        await this.expectBalance({ held: 1_000, captured: 0, refunded: 0 }, risks.chargesTwice);
        const id = authorizationIn(await this.harness.lookUp(request));
        await this.capture(id, 1_000);
        await this.expectNothingLeft(id);
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 0 }, risks.chargesTwice);
      },
      proveAgain: async () =>
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 0 }, risks.chargesTwice),
    };
  }

  async captureTrial(): Promise<Trial> {
    const id = await this.authorize();
    const request = this.captureRequest(id, 600);
    return {
      request,
      other: { ...request, amount: 100 },
      outcome: 'captured',
      twice: risks.chargesTwice,
      never: risks.losesMoney,
      prove: async () => {
        await this.expectBalance({ held: 400, captured: 600, refunded: 0 }, risks.chargesTwice);
        await this.capture(id, 400);
        await this.expectNothingLeft(id);
        await this.expectCaptured(1_000);
      },
      proveAgain: async () =>
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 0 }, risks.chargesTwice),
    };
  }

  async voidTrial(): Promise<Trial> {
    const id = await this.authorize();
    const request = this.voidRequest(id);
    return {
      request,
      other: { ...request, authorizationId: await this.authorize(500) },
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

  async refundTrial(): Promise<Trial> {
    const captureId = await this.capture(await this.authorize(), 1_000);
    const request = this.refundRequest(captureId, 600);
    return {
      request,
      other: { ...request, amount: 100 },
      outcome: 'refunded',
      twice: risks.losesMoney,
      never: risks.losesMoney,
      prove: async () => {
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 600 }, risks.losesMoney);
        await this.refund(captureId, 400);
        await this.expectNothingToRefund(captureId);
      },
      proveAgain: async () =>
        await this.expectBalance({ held: 0, captured: 1_000, refunded: 1_000 }, risks.losesMoney),
    };
  }
}
