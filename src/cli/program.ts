import process from 'node:process';
import { Command, CommanderError, Help, type Option } from 'commander';
import { addOrderCommands } from './commands/order-commands.js';
import { addCompletion } from './completion/completion.js';
import { openTemporalGateway } from './connections/temporal-gateway.js';
import { addAttention } from './operations/attention.js';
import { addCertify } from './operations/certify.js';
import { addExportPerson } from './operations/export-person.js';
import { addForget } from './operations/forget.js';
import { addKeys } from './operations/keys.js';
import { addParked } from './operations/parked.js';
import { addProjections } from './operations/projections.js';
import { addRebuild } from './operations/rebuild.js';
import { addReconcile } from './operations/reconcile.js';
import { addResume } from './operations/resume.js';
import { addStock } from './operations/stock.js';
import { addSubscriptions } from './operations/subscriptions.js';
import { addVerify } from './operations/verify.js';
import { addWebhooks } from './operations/webhooks.js';
import { addEventQueries } from './queries/events.js';
import { addOrderQueries } from './queries/orders.js';
import { addViewQueries } from './queries/views.js';
import { addDemo } from './sandbox/demo/demo.js';
import { addLoad } from './sandbox/load.js';
import { addSettle } from './sandbox/settle.js';
import { processTerminal } from './printing/terminal.js';
import { readKeyFile } from './script/api-key.js';
import { asFailure, exitCodes, failureLine } from './script/failure.js';
import { endWhenInterrupted } from './script/interrupt.js';
import type { Session } from './script/script.js';

/** Runs the process of `npx orders`. It ends when its connections are closed. */
export async function main(): Promise<void> {
  endWhenInterrupted();
  const session = { terminal: processTerminal, env: process.env, openTemporalGateway };
  process.exitCode = await run(process.argv.slice(2), session);
}

/**
 * Runs the script that `args` ask for.
 *
 * @param args what follows `orders` on the command line
 * @returns the exit code
 */
export async function run(args: readonly string[], session: Session): Promise<number> {
  try {
    await createProgram(session).parseAsync(args, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    // Commander has printed the message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const failure = asFailure(error);
    session.terminal.complain(failureLine(failure));
    return failure.exitCode;
  }
}

/** An option's line in the help. It says if the option is required. */
function optionDescription(this: void, option: Option): string {
  const described = new Help().optionDescription(option);
  return option.mandatory ? `${described} (required)` : described;
}

/** All scripts, with their arguments and options. */
export function createProgram(session: Session): Command {
  const { print, complain } = session.terminal;
  const program = new Command('orders')
    .description('Client scripts of the order processor: send commands to orders, and look at them.')
    .usage('<command> [options]')
    .option('--json', 'print exactly one JSON value; for watch, one on each line')
    .option('--url <url>', 'address of the API (default: ORDERS_URL, or HTTP_HOST and HTTP_PORT)')
    .option(
      '--key-file <path>',
      'file with an API key or token; without it, the key in ORDERS_KEY',
      readKeyFile,
    )
    .option('--direct', 'send commands to Temporal itself, without a key')
    .configureHelp({ showGlobalOptions: true, optionDescription })
    .configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      writeErr: (text) => complain(text.trimEnd()),
    })
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride()
    .addHelpText('after', afterHelp);

  program.commandsGroup('Commands:');
  addOrderCommands(program, session);
  program.commandsGroup('Queries:');
  addOrderQueries(program, session);
  addEventQueries(program, session);
  addViewQueries(program, session);
  program.commandsGroup('Operations:');
  addAttention(program, session);
  addVerify(program, session);
  addReconcile(program, session);
  addResume(program, session);
  addProjections(program, session);
  addRebuild(program, session);
  addParked(program, session);
  addForget(program, session);
  addExportPerson(program, session);
  addKeys(program, session);
  addCertify(program, session);
  addWebhooks(program, session);
  addSubscriptions(program, session);
  addStock(program, session);
  program.commandsGroup('Sandbox:');
  addSettle(program, session);
  addDemo(program, session);
  addLoad(program, session);
  program.commandsGroup('Shell:');
  addCompletion(program, session);
  return program;
}

const afterHelp = `
Amounts are given in minor units: 1999 is EUR 19.99.
Queries go to the API (ORDERS_URL, http://127.0.0.1:8080 by default), and so do commands with a key
(ORDERS_KEY or --key-file). With --direct, or without a key unless AUTH=on, commands go to Temporal
itself (TEMPORAL_ADDRESS, 127.0.0.1:7233 by default), which is full power. \`npm start\` starts both.

Exit codes:
  0  done
  1  refused: the order's state, its version or a rule (HTTP 409, 412, 422); or a check found something
  2  bad usage or input, or not allowed by the key (any other HTTP 4xx)
  3  not found (HTTP 404)
  4  no complete answer; a command may still take effect: repeat it with the same --key (HTTP 429, 502–504)
  5  unexpected (any other HTTP 5xx)
  130  interrupted

Examples:
  npx orders create --wait 10
  npx orders watch 018f…
  npx orders ship 018f… && npx orders dispatch 018f… s1 --carrier DHL --tracking 00340434
  npx orders list --status confirmed`;
