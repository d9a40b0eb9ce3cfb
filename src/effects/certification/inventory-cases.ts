import { randomUUID } from 'node:crypto';
import type { EffectOf, EffectType } from '../../order/effects.js';
import type { Units } from '../inventory/port.js';
import type { StockEffect } from '../inventory/stock.js';
import type { Harness } from './harness.js';
import { type Case, casesOf, expectOwnAnswers, newOrder, type Prepare, type Trial } from './cases.js';
import { CaseFailed, expectSame, expectType, risks } from './expectations.js';

const correlationId = 'certification';

/** The cases that certify an inventory. */
export function inventoryCases(): readonly Case[] {
  const repeated: Readonly<Record<StockEffect, Prepare>> = {
    reserve: async (harness) => await new Goods(harness).reserveTrial(),
    release: async (harness) => await new Goods(harness).releaseTrial(),
    deduct: async (harness) => await new Goods(harness).deductTrial(),
    restock: async (harness) => await new Goods(harness).restockTrial(),
  };
  return [
    ...Object.entries(repeated).flatMap(([type, prepare]) => casesOf(type as EffectType, prepare)),
    {
      name: 'out of stock',
      expected: 'is out of stock for good, and looked up so',
      async run(harness) {
        const goods = new Goods(harness);
        await goods.stockUp(10);
        const request = goods.request('reserve', 11);
        const first = await harness.ask(request);
        expectType('reserve of 11 of 10', first, 'out_of_stock', risks.promisesTwice);
        await harness.crash();
        expectSame('lookUp', await harness.lookUp(request), first, risks.promisesTwice);
        expectSame('reserve again', await harness.ask(request), first, risks.promisesTwice);
        await goods.expectLeft(10);
      },
    },
    {
      name: 'reordered answers',
      expected: 'each key has its own answer',
      async run(harness) {
        const [first, second] = [new Goods(harness), new Goods(harness)];
        await first.stockUp(3);
        await second.stockUp(4);
        const requests = [first.request('reserve', 4), second.request('reserve', 5)];
        await expectOwnAnswers(harness, requests, 'out_of_stock', risks.promisesTwice);
        await first.expectLeft(3);
        await second.expectLeft(4);
      },
    },
    {
      name: 'all lines or none',
      expected: 'one missing line leaves the others',
      async run(harness) {
        const [goods, scarce] = [new Goods(harness), new Goods(harness)];
        await goods.stockUp(10);
        await scarce.stockUp(1);
        const request = goods.request('reserve', 5);
        const lines = [...request.lines, { sku: scarce.sku, quantity: 2 }];
        expectType(
          'reserve',
          await harness.untilOutcome({ ...request, lines }),
          'out_of_stock',
          risks.promisesTwice,
        );
        await goods.expectLeft(10);
        await scarce.expectLeft(1);
      },
    },
    {
      name: 'concurrent reservations',
      expected: 'never more than is on hand',
      async run(harness) {
        const goods = new Goods(harness);
        await goods.stockUp(10);
        const requests = [4, 4, 4].map((quantity) => goods.request('reserve', quantity));
        await harness.askAtOnce(requests);
        let reserved = 0;
        for (const request of requests)
          if ((await harness.untilOutcome(request)).type === 'reserved') reserved += 1;
        if (reserved !== 2)
          throw new CaseFailed(
            `${reserved} of 3 × 4 were reserved of 10`,
            reserved > 2 ? risks.promisesTwice : risks.losesUnits,
          );
        await goods.expectLeft(2);
      },
    },
  ];
}

/** A new SKU, and the calls about it for one new order. */
class Goods {
  readonly sku = `certify-${randomUUID()}`;
  private readonly harness: Harness;
  private readonly order = newOrder();

  constructor(harness: Harness) {
    this.harness = harness;
  }

  async stockUp(onHand: number): Promise<void> {
    await this.harness.use('stockUp', [this.sku, onHand]);
  }

  request<T extends 'reserve' | 'release'>(type: T, quantity: number) {
    return { type, key: this.order.key(type), correlationId, lines: [{ sku: this.sku, quantity }] };
  }

  /** Checks that exactly this many units can still be reserved. */
  async expectLeft(quantity: number): Promise<void> {
    const all = await this.harness.untilOutcome(this.request('reserve', quantity));
    expectType(`reserve of ${quantity} that are left`, all, 'reserved', risks.losesUnits);
    const more = await this.harness.untilOutcome(this.request('reserve', 1));
    expectType('reserve of 1 more', more, 'out_of_stock', risks.promisesTwice);
  }

  private async reserve(quantity: number): Promise<void> {
    await this.stockUp(10);
    expectType(
      'reserve',
      await this.harness.untilOutcome(this.request('reserve', quantity)),
      'reserved',
      risks.waits,
    );
  }

  /** Checks the units, if the module has the function `stock`. */
  private async expectUnits({ onHand, reserved }: Units, twice: string): Promise<void> {
    if (!this.harness.has('stock')) return;
    const found = (await this.harness.use('stock', this.sku)) as Units;
    if (found.onHand === onHand && found.reserved === reserved) return;
    throw new CaseFailed(
      `the stock has ${found.onHand} on hand, ${found.reserved} reserved, not ${onHand} and ${reserved}`,
      twice,
    );
  }

  async reserveTrial(): Promise<Trial> {
    await this.stockUp(10);
    const [request, other] = [this.request('reserve', 6), this.request('reserve', 1)];
    const risk = { twice: risks.losesUnits, never: risks.promisesTwice };
    return this.trial(request, { ...other, key: request.key }, risk, { onHand: 10, reserved: 6 });
  }

  async releaseTrial(): Promise<Trial> {
    await this.reserve(10);
    const [request, other] = [this.request('release', 3), this.request('release', 1)];
    const risk = { twice: risks.promisesTwice, never: risks.losesUnits };
    return this.trial(request, { ...other, key: request.key }, risk, { onHand: 10, reserved: 7 });
  }

  async deductTrial(): Promise<Trial> {
    await this.reserve(6);
    const request = {
      type: 'deduct',
      key: this.order.key('deduct'),
      correlationId,
      shipmentId: 's1',
      lines: [{ sku: this.sku, quantity: 3 }],
    } as const;
    const other = { ...request, lines: [{ sku: this.sku, quantity: 1 }] };
    const risk = { twice: risks.losesUnits, never: risks.losesUnits };
    return this.trial(request, other, risk, { onHand: 7, reserved: 3 });
  }

  async restockTrial(): Promise<Trial> {
    await this.reserve(10);
    const request = {
      type: 'restock',
      key: this.order.key('restock'),
      correlationId,
      returnId: 'r1',
      lines: [{ sku: this.sku, quantity: 3 }],
    } as const;
    const other = { ...request, lines: [{ sku: this.sku, quantity: 1 }] };
    const risk = { twice: risks.promisesTwice, never: risks.losesUnits };
    return this.trial(request, other, risk, { onHand: 13, reserved: 10 });
  }

  /** @param after the units after the call */
  private trial(
    request: EffectOf<StockEffect>,
    other: EffectOf<StockEffect>,
    risk: Pick<Trial, 'twice' | 'never'>,
    after: Units,
  ): Trial {
    const { onHand, reserved } = after;
    return {
      request,
      other,
      ...risk,
      outcome: request.type === 'reserve' ? 'reserved' : 'done',
      prove: async () => {
        await this.expectUnits(after, risk.twice);
        await this.expectLeft(onHand - reserved);
      },
      // `prove` was called before, and has reserved all units that were left.
      proveAgain: async () => await this.expectUnits({ onHand, reserved: onHand }, risk.twice),
    };
  }
}
