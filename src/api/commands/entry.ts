import type { Static, TSchema } from 'typebox';
import type { CommandData, CommandType } from '../../order/commands.js';
import type { OrderView } from '../../order/view.js';
import type { BodyParts } from './body-parts.js';

/** How a command is described in the table of commands. */
export interface CommandEntry {
  /** what a caller must be allowed to do */
  readonly scope: 'orders:write' | 'money:write';
  /** a sentence without its full stop: for OpenAPI, the help of the script and the docs */
  readonly summary: string;
  readonly description?: string;
  /** Makes the schema of the request's body, which is closed: other members are refused. */
  readonly body: (is: BodyParts) => TSchema;
  /** the name of its script: `npx orders <verb>` */
  readonly verb: string;
  /** how people type each member of the body, in the order of the help and of the page's form */
  readonly fields: Readonly<Record<string, Field | readonly Field[]>>;
  /** as they are typed after `npx orders` */
  readonly examples: readonly string[];
}

/**
 * How people type a member of a body: as an option or an argument of the command's script. The form
 * in the web page is made from the same entry.
 */
export type Field = TextField | QuantitiesField;

interface TextField extends AnyField {
  /** how the text becomes the value; without a parser, the text is the value */
  readonly parser?: 'amount' | 'address' | 'texts' | 'newLines' | 'amendedLines';
}

/** Units of lines of the order. */
interface QuantitiesField extends AnyField {
  readonly parser: 'quantities';
  /** maximum number of units of a line that the command can name; the page offers no more */
  readonly unitsLeft: (line: OrderView['lines'][number], order: OrderView) => number;
}

interface AnyField {
  /** an option such as `--reason <text>`, or an argument such as `<text>` */
  readonly flags: string;
  readonly description: string;
  /** the script refuses to run without this option */
  readonly required?: true;
  /** the value becomes this member of an object, such as `method` of `payment` */
  readonly member?: string;
  /** default in `npx orders create`, as text; all defaults together make a valid sandbox order */
  readonly defaultText?: string;
}

/** The entry of one command: it has a field for every member of the body. */
export interface EntryOf<T extends CommandType> extends CommandEntry {
  readonly fields: {
    readonly [M in keyof Body<T>]-?:
      (undefined extends Body<T>[M] ? Field : RequiredField) | readonly Field[];
  };
}

/** A field whose value is never missing. */
type RequiredField = Field &
  ({ readonly required: true } | { readonly defaultText: string } | { readonly flags: `<${string}>` });

/** The data of a command, without what the path says and what the server adds. */
type Body<T extends CommandType> = T extends 'CreateOrder'
  ? Omit<CommandData[T], 'terms' | 'rules'> & { readonly id?: string }
  : string extends keyof CommandData[T]
    ? object
    : Omit<CommandData[T], 'shipmentId' | 'returnId'>;

/**
 * The type of a table of commands. An entry does not compile if the members of its schema differ,
 * at any depth, from those of the command's data.
 */
export type Agreeing<Table extends Record<CommandType, CommandEntry>> = {
  readonly [T in CommandType]: IsSame<Static<ReturnType<Table[T]['body']>>, Body<T>> extends true
    ? CommandEntry
    : 'the schema of the body has other members than CommandData';
};

type IsSame<Sent, Wanted> = Sent extends Wanted
  ? [Members<Sent>, Members<Wanted>] extends [Members<Wanted>, Members<Sent>]
    ? true
    : false
  : false;

/**
 * Makes all members required and mutable, at every depth. So a missing optional member shows as a
 * difference.
 */
type Members<T> = T extends readonly (infer Item)[]
  ? Members<Item>[]
  : T extends object
    ? { -readonly [K in keyof T]-?: Members<Exclude<T[K], undefined>> }
    : T;
