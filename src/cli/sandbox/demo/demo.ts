import { once } from 'node:events';
import process from 'node:process';
import type { Command } from 'commander';
import { workflowId } from '../../../order-log.js';
import { apiOf } from '../../connections/api-address.js';
import { exitCodes, Failure, usageFailure } from '../../script/failure.js';
import { endWithReader, withCleanUp } from '../../script/interrupt.js';
import { addScript, type CommonOptions, report, type Session } from '../../script/script.js';
import { type Narrator, narrator } from './narrator.js';
import { readScorecard } from './scorecard.js';
import type { TemporarySystem } from './stack.js';
import { type Player, player, stories, type StoryResult } from './stories.js';

interface DemoOptions extends CommonOptions {
  readonly keep?: true;
}

/** Adds `demo`: shows what an order processor does, and what happens when servers fail. */
export function addDemo(program: Command, session: Session): void {
  const command = addScript(program, 'demo', {
    summary: 'show orders, crashes and an outage in a minute, on a temporary system',
    details:
      'It starts Temporal, MongoDB, an API and a worker of its own, on free ports, with their data in a ' +
      'folder for temporary files, and removes all of it at the end. It places orders, kills the worker, ' +
      'stops MongoDB, and then checks in the ledgers that nothing was lost or charged twice. With --url it ' +
      'only places the orders, on the system at that address.',
    examples: ['demo', 'demo --keep', 'demo --url http://127.0.0.1:8080'],
  }).option('--keep', 'leave the system running at the end, until Ctrl-C, and keep its folder');
  command.action(async () => {
    endWithReader();
    const options = command.optsWithGlobals<DemoOptions>();
    const narrate = narrator(session, options);
    if (options.url !== undefined) {
      if (options.keep === true) throw usageFailure('--keep cannot be used with --url: it starts no system');
      const api = apiOf(session, options);
      const orders = await playStories(player(api, narrate));
      report(session, options, { orders }, () => ['', ...links(api.url, orders)]);
      return;
    }
    const { newTemporarySystem } = await import('./stack.js');
    const temporary = await newTemporarySystem();
    const { keep = false } = options;
    await withCleanUp(
      () => wholeStory(session, options, narrate, temporary),
      () => narrate.during('Stopping everything', () => temporary.end({ keep })),
    );
  });
}

/** Plays each story with a new order. */
async function playStories({ play }: Player): Promise<readonly StoryResult[]> {
  const ends: StoryResult[] = [];
  for (const story of stories) ends.push(await play(story));
  return ends;
}

async function wholeStory(
  session: Session,
  options: DemoOptions,
  narrate: Narrator,
  { folder, start }: TemporarySystem,
): Promise<void> {
  const { print, complain } = session.terminal;
  const stack = await narrate.during('Starting a system of its own', start);
  const demoSession = { ...session, env: stack.env };
  const api = apiOf(demoSession, {});
  const demoPlayer = player(api, narrate);
  const played = await playStories(demoPlayer);
  const { killWorker, stopMongodb } = await import('./faults.js');
  const killed = await killWorker(stack, demoPlayer, narrate);
  const away = await stopMongodb(stack, api, demoPlayer, narrate);
  const orders = [...played, killed, ...away];

  const { lines, ...scorecard } = await narrate.during('Reading the ledgers', () =>
    readScorecard(demoSession, stack, orders),
  );
  report(session, options, { api: stack.api, temporalUi: stack.temporalUi, orders, scorecard }, () => [
    '',
    ...lines,
    '',
    ...links(stack.api, [...played, killed]),
    'And what Temporal knows of the last one, step by step:',
    `  ${stack.temporalUi}/${workflowId(killed.orderId)}`,
    '',
  ]);
  const { score, verified } = scorecard;
  if (score.charges.double > 0 || score.events.lost > 0 || verified.found > 0) {
    const message = 'the ledgers say that something was lost or charged twice: this is a defect';
    throw new Failure(exitCodes.unexpected, { code: 'demo_failed', message });
  }
  if (options.keep === true) {
    complain(`The system runs until Ctrl-C. Its data stays: DATA_DIR=${folder} npm start`);
    await new Promise(() => {});
  } else if (options.json !== true && process.stdout.isTTY && process.stdin.isTTY) {
    print('Look around. Enter ends it, and removes all of it.');
    // Ctrl-D ends the input without data.
    await Promise.race(['data', 'end'].map((event) => once(process.stdin, event)));
    process.stdin.pause();
  }
}

/** Lines with a link to the page of each order. */
function links(api: string, orders: readonly StoryResult[]): readonly string[] {
  return ['See them:', ...orders.map(({ orderId, title }) => `  ${api}/orders/${orderId}  ${title}`)];
}
