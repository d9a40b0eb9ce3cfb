import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { CommandEntry, Field } from '../../api/commands/entry.js';
import { commands } from '../../api/commands/table.js';
import { type FollowUpType, followUpTypes, partOf } from '../../order/commands.js';
import {
  addCommandOptions,
  addSendOptions,
  type CommandOptions,
  type Reader,
  readers,
} from '../script/options.js';
import { addScript, type Session, usageFailure } from '../script/script.js';
import type { Terminal } from '../script/terminal.js';
import { sendAndReport } from './send.js';

/** Adds a script for every command in the table. */
export function addOrderCommands(program: Command, session: Session): void {
  addCreate(program, session);
  for (const type of followUpTypes) addFollowUp(program, session, type);
}

interface CreateOptions extends CommandOptions {
  readonly file?: string;
  readonly id?: string;
}

function addCreate(program: Command, session: Session): void {
  const { verb, summary, examples, fields } = commands.CreateOrder;
  const script = addScript(program, verb, {
    summary,
    details: 'Amounts are in minor units: 1999 is EUR 19.99. Without options it is an order for the sandbox.',
    examples,
  });
  const inputs = addInputs(script, fields);
  const file = new Option(
    '--file <path>',
    'the whole order as JSON, from a file, or from standard input with -',
  );
  // Only `--id` may come with a file: it names the order of a file without an id.
  script.addOption(file.conflicts(inputs.map(({ name }) => name).filter((name) => name !== 'id')));
  addSendOptions(script);
  script.action(async () => {
    const options = script.optsWithGlobals<CreateOptions>();
    const { file: path, id } = options;
    await sendAndReport(session, options, async ({ newOrder }) => {
      const given = path === undefined ? dataOf(inputs) : await readOrder(path, session.terminal);
      const order = newOrder(id === undefined ? given : { ...given, id });
      return async (gateway, meta) => {
        if (options.preview === true) return await gateway.previewCreate(order.id, order.body, meta);
        const result = await gateway.create(order.id, order.body, meta);
        // A start is answered as soon as it is durable: `--async` has nothing to skip.
        return options.async === true && result.kind === 'answered'
          ? { kind: 'accepted', orderId: result.answer.orderId, replayed: result.replayed }
          : result;
      };
    });
  });
}

/** Adds the script of a command to an order that exists. */
function addFollowUp(program: Command, session: Session, type: FollowUpType): void {
  const { verb, summary, examples, fields } = commands[type];
  const script = addScript(program, verb, { summary, examples });
  script.argument('<orderId>', 'the order');
  const inputs = addInputs(script, { ...idOfPart(type), ...fields });
  addCommandOptions(script);
  script.action(async (orderId: string) => {
    const options = script.optsWithGlobals<CommandOptions>();
    await sendAndReport(session, options, async ({ followUp }) => {
      const command = followUp(orderId, type, dataOf(inputs));
      const how = options.preview === true ? 'preview' : options.async === true ? 'signal' : 'execute';
      return async (gateway, meta) => await gateway[how](orderId, command, meta);
    });
  });
}

type Fields = CommandEntry['fields'];

/** The argument that names the shipment or return, if the command goes to one. */
function idOfPart(type: FollowUpType): Fields {
  const part = partOf(type);
  if (part === undefined) return {};
  return { [`${part}Id`]: { typed: `<${part}Id>`, says: `the ${part}, such as ${part.charAt(0)}1` } };
}

/** A field of the table, added to a script. */
interface Input {
  /** the member of the command's data */
  readonly member: string;
  readonly field: Field;
  /** the name of the option, as commander knows it */
  readonly name: string;
  /** Returns what was typed; call it when the script runs. */
  readonly value: () => unknown;
}

function addInputs(script: Command, fields: Fields): readonly Input[] {
  return Object.entries(fields).flatMap(([member, given]) =>
    [given].flat().map((field) => ({ member, field, ...addInput(script, field) })),
  );
}

function addInput(script: Command, field: Field): Pick<Input, 'name' | 'value'> {
  const { typed, says, required = false, otherwise } = field;
  if (typed.startsWith('<')) {
    const place = script.registeredArguments.length;
    script.argument(typed, says, readerOf(field));
    return { name: typed, value: () => script.processedArgs[place] as unknown };
  }
  const option = new Option(typed, otherwise === undefined ? says : `${says} (default: ${otherwise})`);
  script.addOption(option.argParser(readerOf(field)).makeOptionMandatory(required));
  const name = option.attributeName();
  return { name, value: () => script.getOptionValue(name) as unknown };
}

/** The data of a command as it was typed; `input.ts` checks it. */
function dataOf(inputs: readonly Input[]): Readonly<Record<string, unknown>> {
  const data: Record<string, unknown> = {};
  for (const { member, field, value } of inputs) {
    const given = value() ?? (field.otherwise === undefined ? undefined : readerOf(field)(field.otherwise));
    if (given === undefined) continue;
    data[member] =
      field.member === undefined ? given : { ...(data[member] as object | undefined), [field.member]: given };
  }
  return data;
}

function readerOf({ reads }: Field): Reader {
  return reads === undefined ? (text) => text : readers[reads];
}

async function readOrder(path: string, terminal: Terminal): Promise<object> {
  let bytes: Uint8Array;
  try {
    bytes = path === '-' ? await terminal.readInput() : await readFile(path);
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const source = path === '-' ? 'standard input' : path;
  const text = textOf(bytes, source);
  let order: unknown;
  try {
    order = JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${source} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof order !== 'object' || order === null) throw usageFailure(`expected one order as a JSON object`);
  return order;
}

/** Drops a byte order mark, and throws if the bytes are not UTF-8. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws Failure if the bytes are not UTF-8: the script does not guess another encoding */
function textOf(bytes: Uint8Array, source: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw usageFailure(`${source} is not UTF-8: save it as Unicode in UTF-8`);
  }
}
