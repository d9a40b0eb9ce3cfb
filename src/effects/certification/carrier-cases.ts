import { isDeepStrictEqual } from 'node:util';
import {
  type Parcel,
  type Receiver,
  sandboxTestCarriers,
  type TestCarriers,
  type Tracked,
} from '../carriers/port.js';
import { trackedIn } from '../carriers/tracking.js';
import type { Harness, Booking } from './harness.js';
import { type Case, casesOf, expectOwnAnswers, newOrder, type Trial } from './cases.js';
import { CaseFailed, expectSame, expectType, type Learned, risks } from './expectations.js';

/** A receiver at an address that carriers accept. The person is made up. */
const receiver: Receiver = {
  name: 'Ada Example',
  street: 'Platz der Republik 1',
  city: 'Berlin',
  postalCode: '11011',
  country: 'DE',
};
const lines = [{ sku: 'certify', quantity: 1, name: 'a test' }];

/** The cases that certify carriers. */
export function carrierCases({ about }: Harness): readonly Case[] {
  const carriers = { ...sandboxTestCarriers, ...(about.testCarriers as Partial<TestCarriers> | undefined) };
  const once = (
    name: string,
    expected: string,
    run: (labels: Labels, harness: Harness) => Promise<void>,
  ): Case => ({
    name,
    expected,
    run: async (harness) => await run(new Labels(harness), harness),
  });
  return [
    ...casesOf('book', async (harness, isSlow) => {
      const { slow, booked } = carriers;
      return new Labels(harness).bookTrial(isSlow ? slow : booked);
    }),
    once('refused', 'is refused for good, and looked up so', async (given, harness) => {
      const request = given.bookRequest(carriers.refused);
      const first = await harness.ask(request);
      expectType('book', first, 'refused', risks.paysTwice);
      await harness.crash();
      expectSame('lookUp', await harness.lookUp(request), first, risks.paysTwice);
      expectSame('book again', await harness.ask(request), first, risks.paysTwice);
      await given.expectLabels(0);
    }),
    once('requested again after a refusal', 'is booked, under its own key', async (given, harness) => {
      const refused = given.bookRequest(carriers.refused);
      expectType('book', await harness.ask(refused), 'refused', risks.paysTwice);
      const request = given.bookRequest(carriers.booked);
      expectType('book of another carrier', await harness.untilOutcome(request), 'booked', risks.losesLabel);
      expectType('lookUp of the first key', await harness.lookUp(refused), 'refused', risks.paysTwice);
      await given.expectLabels(1);
    }),
    once('no carrier named', 'is booked with one that the provider chooses', async (given, harness) => {
      const request = given.bookRequest(undefined);
      expectType('book', await harness.untilOutcome(request), 'booked', risks.waits);
      await given.expectLabels(1);
    }),
    once('two concurrent shipments', 'each has a label of its own', async (given, harness) => {
      const requests = [given.bookRequest(carriers.booked, 's1'), given.bookRequest(carriers.booked, 's2')];
      await harness.askAtOnce([...requests, ...requests]);
      const numbers = [];
      for (const request of requests) numbers.push((await given.book(request)).trackingNumber);
      if (numbers[0] === numbers[1])
        throw new CaseFailed(`both have the number ${numbers[0]}`, risks.losesLabel);
      await given.expectLabels(2);
    }),
    once('reordered answers', 'each key has its own answer', async (given, harness) => {
      const requests = [given.bookRequest(carriers.slow, 's1'), given.bookRequest(carriers.booked, 's2')];
      await expectOwnAnswers(harness, requests, 'booked', risks.losesLabel);
      await given.expectLabels(2);
    }),
    once('the receiver', 'is in no answer, because the log keeps it', async (given, harness) => {
      for (const carrier of [carriers.booked, carriers.refused]) {
        const request = given.bookRequest(carrier);
        await harness.untilOutcome(request);
        expectNobody('lookUp', await harness.lookUp(request));
        expectNobody('book', await harness.ask(request));
      }
    }),
    once('tracked', 'is not delivered, and no label is booked by it', async (given) => {
      const parcel = await given.book(given.bookRequest(carriers.booked));
      await given.expectUndelivered(parcel);
      await given.expectUndelivered(parcel);
      await given.expectLabels(1);
    }),
    once('unknown parcel', 'is unknown, and never delivered', async (given, harness) => {
      const { carrier } = await given.book(given.bookRequest(carriers.booked));
      const trackingNumber = given.order.orderId;
      const tracked = await track(harness, { carrier, trackingNumber });
      if (tracked.type !== 'unknown')
        throw new CaseFailed(
          `track: ${tracked.type}`,
          tracked.type === 'delivered' ? risks.assumesDelivery : risks.waits,
        );
    }),
    ...(about.has.includes('deliver')
      ? [
          once('delivered', 'since one time, and no other parcel is', async (given, harness) => {
            const parcel = await given.book(given.bookRequest(carriers.booked, 's1'));
            const other = await given.book(given.bookRequest(carriers.booked, 's2'));
            await given.expectUndelivered(parcel);
            const { carrier, trackingNumber } = parcel;
            await harness.use('deliver', { carrier, trackingNumber });
            const first = await track(harness, parcel);
            if (first.type !== 'delivered') throw new CaseFailed(`track: ${first.type}`, risks.waits);
            await given.expectUndelivered(other);
            await harness.crash();
            const again = await track(harness, parcel);
            if (!isDeepStrictEqual(again, first))
              throw new CaseFailed(
                `track: ${JSON.stringify(again)}, after ${JSON.stringify(first)}`,
                risks.assumesDelivery,
              );
          }),
        ]
      : []),
  ];
}

/** Books and checks the labels of one new order. */
class Labels {
  readonly order = newOrder();
  private readonly harness: Harness;

  constructor(harness: Harness) {
    this.harness = harness;
  }

  bookRequest(carrier: string | undefined, shipmentId = 's1'): Booking {
    const { orderId } = this.order;
    const named = carrier === undefined ? {} : { carrier };
    return { type: 'book', key: this.order.key('book'), orderId, shipmentId, ...named, lines, receiver };
  }

  async book(request: Booking): Promise<Parcel> {
    const outcome = await this.harness.untilOutcome(request);
    if (outcome.type === 'booked') return outcome;
    throw new CaseFailed(`book: ${outcome.type}`, risks.losesLabel);
  }

  /** Checks the number of the order's labels, if the module has the function `labels`. */
  async expectLabels(expected: number): Promise<void> {
    if (!this.harness.has('labels')) return;
    const booked = await this.harness.use('labels', this.order.orderId);
    if (typeof booked !== 'number') throw new CaseFailed(`labels: ${JSON.stringify(booked)}`, risks.waits);
    if (booked === expected) return;
    const risk = booked > expected ? risks.paysTwice : risks.losesLabel;
    throw new CaseFailed(`the order has ${booked} labels, not ${expected}`, risk);
  }

  async expectUndelivered(parcel: Parcel): Promise<void> {
    const tracked = await track(this.harness, parcel);
    if (tracked.type === 'delivered') throw new CaseFailed('track: delivered', risks.assumesDelivery);
  }

  bookTrial(carrier: string): Trial {
    const request = this.bookRequest(carrier);
    const prove = async () => {
      await this.expectUndelivered(await this.book(request));
      await this.expectLabels(1);
    };
    return {
      request,
      other: { ...request, receiver: { ...receiver, street: 'Platz der Republik 2' } },
      outcome: 'booked',
      twice: risks.paysTwice,
      never: risks.losesLabel,
      prove,
      proveAgain: prove,
    };
  }
}

/** @throws CaseFailed if the answer has no known shape */
async function track(harness: Harness, { carrier, trackingNumber }: Parcel): Promise<Tracked> {
  const answer = await harness.use('track', { carrier, trackingNumber });
  const tracked = trackedIn(answer);
  if (tracked === undefined) throw new CaseFailed(`track answered ${JSON.stringify(answer)}`, risks.waits);
  return tracked;
}

/** @throws CaseFailed if the answer, or its `labelUrl`, contains the receiver's name or street */
function expectNobody(asked: string, answer: Learned): void {
  const text = JSON.stringify(answer)
    .replaceAll(/\+|%20/g, ' ')
    .toLowerCase();
  const found = (['name', 'street'] as const).filter((member) =>
    text.includes(receiver[member].toLowerCase()),
  );
  if (found.length > 0)
    throw new CaseFailed(`${asked}: it has the receiver's ${found.join(' and ')}`, risks.keepsPerson);
}
