import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Api } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { progressBar } from '../printing/progress-bar.js';
import { untitled } from '../printing/table.js';
import { counted, type Paint } from '../printing/terminal.js';
import { asFailure, Failure } from '../script/failure.js';
import { withLastStep } from '../script/interrupt.js';
import { numberFrom } from '../script/parsers.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

const MAX_RATE = 1_000;
const MAX_COUNT = 100_000;

interface LoadOptions extends CommonOptions {
  readonly rate: number;
  readonly count: number;
  readonly payment: string;
}

/** The result of a load. Times are in milliseconds, from the request to its answer. */
export interface Load {
  readonly sent: number;
  readonly accepted: number;
  /** other outcomes, by the code of their problem */
  readonly failed: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly longest: number;
}

/** Adds `load`: places orders at a rate, and shows how long the API takes to accept them. */
export function addLoad(program: Command, session: Session): void {
  const command = addScript(program, 'load', {
    summary: 'place orders at a rate, with live percentiles of the time until they are accepted',
    details:
      'Orders are sent when they are due, whether or not the ones before are answered, as customers do. An order ' +
      'that is refused because of overload is not sent again. For measurements, use `npm run bench`.',
    examples: [
      'load',
      'load --rate 100 --count 5000',
      'load --rate 20 --count 200 --payment tok_flaky --json',
    ],
  })
    .option('--rate <orders>', `orders a second, up to ${MAX_RATE}`, numberFrom(1, MAX_RATE), 10)
    .option('--count <orders>', `orders in all, up to ${MAX_COUNT}`, numberFrom(1, MAX_COUNT), 100)
    .option('--payment <token>', 'payment method', 'tok_ok');
  command.action(async () => {
    const options = command.optsWithGlobals<LoadOptions>();
    const bar = progressBar(process.stderr);
    const { place, soFar } = startLoad(apiOf(session, options), options);
    const finish = () => {
      bar.end();
      const { loaded } = soFar();
      report(session, options, loaded, () => loadLines(loaded, session.terminal.paint));
    };
    await withLastStep(
      async () =>
        await place(({ accepted, ...times }) =>
          bar.show({ what: 'accepted', done: accepted, total: options.count, note: percentilesOf(times) }),
        ),
      finish,
    );
    finish();
    const { loaded, firstFailure } = soFar();
    if (loaded.accepted === 0 && firstFailure !== undefined) {
      const message = `no order was accepted: ${firstFailure.message}`;
      throw new Failure(firstFailure.exitCode, { ...firstFailure.details, message });
    }
  });
}

const TICK_MS = 5;
const SHOW_EVERY_MS = 100;

interface Running {
  /** Sends orders when they are due, and waits for the answers. */
  readonly place: (onProgress: (load: Load) => void) => Promise<void>;
  /** the result of the orders that were sent until now */
  readonly soFar: () => { readonly loaded: Load; readonly firstFailure: Failure | undefined };
}

function startLoad(api: Api, { rate, count, payment }: LoadOptions): Running {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  const times: number[] = [];
  const failed = new Map<string, number>();
  let firstFailure: Failure | undefined;
  const answered = () => times.length + [...failed.values()].reduce((sum, one) => sum + one, 0);
  const placeOne = async (number: number): Promise<void> => {
    const sentAt = performance.now();
    try {
      await api.post('/v1/orders', numberedOrder(number, payment));
      times.push(performance.now() - sentAt);
    } catch (error) {
      const failure = asFailure(error);
      firstFailure ??= failure;
      const { code } = failure.details;
      failed.set(code, (failed.get(code) ?? 0) + 1);
    }
  };
  let sent = 0;
  const soFar = () => ({ loaded: loadOf(sent, times, failed, seconds()), firstFailure });
  return {
    soFar,
    async place(onProgress) {
      let shownAt = began;
      while (answered() < count) {
        const due = Math.min(count, Math.ceil(seconds() * rate));
        for (; sent < due; sent += 1) void placeOne(sent);
        if (performance.now() - shownAt > SHOW_EVERY_MS) {
          shownAt = performance.now();
          onProgress(soFar().loaded);
        }
        await setTimeout(TICK_MS);
      }
    },
  };
}

/** The order with this number. Each customer has a few of the orders. */
function numberedOrder(number: number, method: string) {
  const customer = number % 50;
  return {
    customer: { id: `load-${customer}`, name: `Customer ${customer}` },
    currency: 'EUR',
    lines: [{ sku: `LOAD-${number % 500}`, quantity: 1, unitPrice: 1999 }],
    payment: { method },
    tags: ['load'],
  };
}

/** @param times the answer times of the accepted orders, in milliseconds */
export function loadOf(
  sent: number,
  times: readonly number[],
  failed: ReadonlyMap<string, number>,
  seconds: number,
): Load {
  const sorted = times.toSorted((a, b) => a - b);
  const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
  return {
    sent,
    accepted: times.length,
    failed: Object.fromEntries(failed),
    perSecond: seconds > 0 ? times.length / seconds : 0,
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
    longest: percentile(1),
  };
}

function percentilesOf({ p50, p95, p99 }: Pick<Load, 'p50' | 'p95' | 'p99'>): string {
  return `p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}`;
}

function ms(time: number): string {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}

function loadLines(loaded: Load, paint: Paint): readonly string[] {
  const { sent, accepted, failed, perSecond, longest } = loaded;
  return untitled(
    [
      ['accepted', `${accepted} of ${counted(sent, 'order', 'orders')}, ${perSecond.toFixed(1)}/s`],
      ['latency', `${percentilesOf(loaded)}, longest ${ms(longest)}`],
      ...Object.entries(failed).map(([code, count]) => [
        code,
        { text: String(count), format: 'red' as const },
      ]),
    ],
    paint,
  );
}
