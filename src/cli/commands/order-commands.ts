import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { CommandEntry, Field } from '../../api/commands/entry.js';
import type { OrderBody } from '../../api/commands/gateway/gateway.js';
import { commands } from '../../api/commands/table.js';
import { type FollowUpCommand, type FollowUpType, followUpTypes, partOf } from '../../order/commands.js';
import { messageOf } from '../../outages/message-of.js';
import type { Terminal } from '../printing/terminal.js';
import { checkBody, checkIds } from '../script/check.js';
import { usageFailure } from '../script/failure.js';
import { addCommandOptions, addSendOptions, type CommandOptions } from '../script/options.js';
import { type Parser, parsers } from '../script/parsers.js';
import { addScript, type Session } from '../script/script.js';
import { sendAndReport } from './send.js';

/*
 * The scripts that send commands to orders, one for each command in the table. They check what was
 * typed against the schemas of the HTTP API, send it, and print the outcome. If the API would
 * answer the input with 400, the script refuses it with the same message.
 */

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
    details:
      'Amounts are in minor units: 1999 is EUR 19.99. Without options, it creates a sample order for the sandbox.',
    examples,
  });
  const inputs = addInputs(script, fields);
  const file = new Option(
    '--file <path>',
    'the whole order as JSON, from a file, or from standard input with -',
  );
  // `--id` is the only other input that may be combined with a file: it is the id of the order in
  // the file.
  script.addOption(file.conflicts(inputs.map(({ name }) => String(name)).filter((name) => name !== 'id')));
  addSendOptions(script);
  script.action(async () => {
    const options = script.optsWithGlobals<CreateOptions>();
    const { file: path, id } = options;
    await sendAndReport(session, options, async () => {
      const given = path === undefined ? dataOf(script, inputs) : await readOrderFile(path, session.terminal);
      const order = await newOrder(id === undefined ? given : { ...given, id });
      return async (gateway, meta) => {
        if (options.preview === true) return await gateway.previewCreate(order.id, order.body, meta);
        const result = await gateway.create(order.id, order.body, meta);
        // A new order is answered as soon as it is durable, so `--async` cannot make the answer
        // faster.
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
    await sendAndReport(session, options, async () => {
      const command = await followUp(orderId, type, dataOf(script, inputs));
      return async (gateway, meta) => {
        if (options.preview === true) return await gateway.preview(orderId, command, meta);
        if (options.async === true) return await gateway.signal(orderId, command, meta);
        return await gateway.execute(orderId, command, meta);
      };
    });
  });
}

type Fields = CommandEntry['fields'];

/** The argument that names the shipment or return, if the command goes to one. */
function idOfPart(type: FollowUpType): Fields {
  const part = partOf(type);
  if (part === undefined) return {};
  return { [`${part}Id`]: { flags: `<${part}Id>`, description: `the ${part}, such as ${part.charAt(0)}1` } };
}

/** A field of the table of commands, as an option or argument of a script. */
interface Input {
  /** the member of the command's data */
  readonly member: string;
  readonly field: Field;
  /** the name of the option in commander, or the index of the argument */
  readonly name: string | number;
}

function addInputs(script: Command, fields: Fields): readonly Input[] {
  return Object.entries(fields).flatMap(([member, given]) =>
    [given].flat().map((field) => ({ member, field, name: addInput(script, field) })),
  );
}

/** Adds the option or argument of a field. @returns its name or index */
function addInput(script: Command, field: Field): string | number {
  const { flags, description, required = false, defaultText } = field;
  if (flags.startsWith('<')) {
    script.argument(flags, description, parserOf(field));
    return script.registeredArguments.length - 1;
  }
  const option = new Option(
    flags,
    defaultText === undefined ? description : `${description} (default: ${defaultText})`,
  );
  script.addOption(option.argParser(parserOf(field)).makeOptionMandatory(required));
  return option.attributeName();
}

/** The data of a command, as it was typed. It is not checked yet. */
function dataOf(script: Command, inputs: readonly Input[]): Readonly<Record<string, unknown>> {
  const data: Record<string, unknown> = {};
  for (const { member, field, name } of inputs) {
    const typed: unknown =
      typeof name === 'number' ? script.processedArgs[name] : script.getOptionValue(name);
    const given = typed ?? (field.defaultText === undefined ? undefined : parserOf(field)(field.defaultText));
    if (given === undefined) continue;
    data[member] =
      field.member === undefined ? given : { ...(data[member] as object | undefined), [field.member]: given };
  }
  return data;
}

function parserOf({ parser }: Field): Parser {
  return parser === undefined ? (text) => text : parsers[parser];
}

/** Checks a new order, and separates its id, if one was given, from its body. */
async function newOrder(given: unknown): Promise<{ readonly id?: string; readonly body: OrderBody }> {
  await checkBody(commands.CreateOrder.body, given);
  // The line above checked the shape.
  const { id, ...body } = given as OrderBody & { readonly id?: string };
  return { ...(id === undefined ? {} : { id }), body };
}

/** Checks a command to an existing order, but not whether the order's state allows it. */
async function followUp(
  orderId: string,
  type: FollowUpType,
  data: Readonly<Record<string, unknown>>,
): Promise<FollowUpCommand> {
  const part = partOf(type);
  const partId = part === undefined ? [] : [`${part}Id`];
  const body = Object.entries(data).filter(([name]) => !partId.includes(name));
  await checkIds({ orderId, ...Object.fromEntries(partId.map((name) => [name, data[name]])) });
  await checkBody(commands[type].body, Object.fromEntries(body));
  // The lines above checked the shape.
  return { type, data } as FollowUpCommand;
}

/**
 * An order as a JSON object, from a file or, for `-`, from standard input.
 *
 * @throws Failure if it cannot be read
 */
async function readOrderFile(path: string, terminal: Terminal): Promise<object> {
  let bytes: Uint8Array;
  try {
    bytes = path === '-' ? await terminal.readInput() : await readFile(path);
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${messageOf(error)}`);
  }
  const source = path === '-' ? 'standard input' : path;
  const text = textOf(bytes, source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${source} is not JSON: ${messageOf(error)}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw usageFailure(`${source} has no order: expected one JSON object`);
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
