import { randomUUID } from 'node:crypto';
import type { EffectOf, EffectType } from '../../order/effects.js';
import { type Bench, expectSame, expectType, newOrder, risks, Wrong } from './bench.js';
import { type Case, casesOf, type Prepare, type Trial } from './cases.js';

const correlationId = 'certification';
type StockEffect = 'reserve' | 'release' | 'deduct' | 'restock';

/** The cases of an inventory. */
export function inventoryCases(): readonly Case[] {
  const repeated: Readonly<Record<StockEffect, Prepare>> = {
    reserve: async (bench) => await new Goods(bench).reservation(),
    release: async (bench) => await new Goods(bench).releasing(),
    deduct: async (bench) => await new Goods(bench).deduction(),
    restock: async (bench) => await new Goods(bench).restocking(),
  };
  return [
    ...Object.entries(repeated).flatMap(([type, prepare]) => casesOf(type as EffectType, prepare)),
    {
      name: 'out of stock',
      expected: 'is out of stock for good, and looked up so',
      async run(bench) {
        const goods = new Goods(bench);
        await goods.stockUp(10);
        const request = goods.request('reserve', 11);
        const first = await bench.ask(request);
        expectType('reserve of 11 of 10', first, 'out_of_stock', risks.promisesTwice);
        expectSame('reserve again', await bench.ask(request), first, risks.promisesTwice);
        expectSame('lookUp', await bench.lookUp(request), first, risks.promisesTwice);
        await goods.expectLeft(10);
      },
    },
    {
      name: 'all lines or none',
      expected: 'one missing line leaves the others',
      async run(bench) {
        const [goods, scarce] = [new Goods(bench), new Goods(bench)];
        await goods.stockUp(10);
        await scarce.stockUp(1);
        const request = goods.request('reserve', 5);
        const lines = [...request.lines, { sku: scarce.sku, quantity: 2 }];
        expectType('reserve', await bench.settle({ ...request, lines }), 'out_of_stock', risks.promisesTwice);
        await goods.expectLeft(10);
        await scarce.expectLeft(1);
      },
    },
    {
      name: 'reservations at once',
      expected: 'never more than is on hand',
      async run(bench) {
        const goods = new Goods(bench);
        await goods.stockUp(10);
        const requests = [4, 4, 4].map((quantity) => goods.request('reserve', quantity));
        await bench.askAtOnce(requests);
        let reserved = 0;
        for (const request of requests) if ((await bench.settle(request)).type === 'reserved') reserved += 1;
        if (reserved !== 2)
          throw new Wrong(
            `${reserved} of 3 × 4 were reserved of 10`,
            reserved > 2 ? risks.promisesTwice : risks.losesUnits,
          );
        await goods.expectLeft(2);
      },
    },
  ];
}

/** Calls about one SKU, for one order. */
class Goods {
  readonly sku = `certify-${randomUUID()}`;
  private readonly bench: Bench;
  private readonly order = newOrder();

  constructor(bench: Bench) {
    this.bench = bench;
  }

  async stockUp(onHand: number): Promise<void> {
    await this.bench.use('stockUp', [this.sku, onHand]);
  }

  request<T extends 'reserve' | 'release'>(type: T, quantity: number) {
    return { type, key: this.order.key(type), correlationId, lines: [{ sku: this.sku, quantity }] };
  }

  /** Checks that exactly this many units can still be reserved. */
  async expectLeft(quantity: number): Promise<void> {
    const all = await this.bench.settle(this.request('reserve', quantity));
    expectType(`reserve of ${quantity} that are left`, all, 'reserved', risks.losesUnits);
    const more = await this.bench.settle(this.request('reserve', 1));
    expectType('reserve of 1 more', more, 'out_of_stock', risks.promisesTwice);
  }

  private async reserved(quantity: number): Promise<void> {
    await this.stockUp(10);
    expectType(
      'reserve',
      await this.bench.settle(this.request('reserve', quantity)),
      'reserved',
      risks.waits,
    );
  }

  // --- trials ---

  async reservation(): Promise<Trial> {
    await this.stockUp(10);
    const [request, other] = [this.request('reserve', 6), this.request('reserve', 1)];
    return this.trial(request, { ...other, key: request.key }, 'reserved', risks.losesUnits, 4);
  }

  async releasing(): Promise<Trial> {
    await this.reserved(10);
    const [request, other] = [this.request('release', 3), this.request('release', 1)];
    return this.trial(request, { ...other, key: request.key }, 'done', risks.promisesTwice, 3);
  }

  async deduction(): Promise<Trial> {
    await this.reserved(6);
    const lines = [{ sku: this.sku, quantity: 3 }];
    const request: EffectOf<'deduct'> = {
      type: 'deduct',
      key: this.order.key('deduct'),
      correlationId,
      shipmentId: 's1',
      lines,
    };
    const other = { ...request, lines: [{ sku: this.sku, quantity: 1 }] };
    return this.trial(request, other, 'done', risks.losesUnits, 4);
  }

  async restocking(): Promise<Trial> {
    await this.reserved(10);
    const lines = [{ sku: this.sku, quantity: 3 }];
    const request: EffectOf<'restock'> = {
      type: 'restock',
      key: this.order.key('restock'),
      correlationId,
      returnId: 'r1',
      lines,
    };
    const other = { ...request, lines: [{ sku: this.sku, quantity: 1 }] };
    return this.trial(request, other, 'done', risks.promisesTwice, 3);
  }

  private trial(
    request: Trial['request'],
    other: Trial['other'],
    outcome: Trial['outcome'],
    twice: string,
    left: number,
  ): Trial {
    return { request, other, outcome, twice, prove: async () => await this.expectLeft(left) };
  }
}
