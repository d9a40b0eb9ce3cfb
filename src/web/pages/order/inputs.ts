import type { Field } from '../../../api/commands/entry.js';
import { commands } from '../../../api/commands/table.js';
import type { Address, FollowUpType } from '../../../order/commands.js';
import type { OrderView } from '../../../order/view.js';
import { parseAmount } from '../../format.js';

/** The form of a command, made from the command's entry in the table. */
export interface Form {
  readonly inputs: readonly Input[];
  /** The body of the command, or a text that says which input cannot be used. */
  readonly bodyOf: (typed: TypedTexts) => object | string;
}

/** An input of a form, with its label. */
export interface Input {
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'amount' | 'units';
  readonly isRequired: boolean;
  readonly initial: string;
  /** the most units that may be entered; absent if any number may be */
  readonly most?: number;
}

/** What was typed, by the names of inputs. An input that is left out has its initial text. */
export type TypedTexts = Readonly<Record<string, string>>;

/** @param order the order when the form is opened: it says what is left to ship, for example */
export function formOf(type: FollowUpType, order: OrderView): Form {
  const parts = Object.entries(commands[type].fields).flatMap(([member, fields]) =>
    [fields].flat().map((field: Field) => ({ member, field, ...formPartOf(member, field, order) })),
  );
  return {
    inputs: parts.flatMap(({ inputs }) => inputs),
    bodyOf(typed) {
      const body: Record<string, unknown> = {};
      for (const { member, field, inputs, valueOf } of parts) {
        const value = valueOf(inputs.map(({ name, initial }) => (typed[name] ?? initial).trim()));
        if (value instanceof Error) return value.message;
        if (value === undefined) continue;
        body[member] =
          field.member === undefined ? value : { ...Object(body[member]), [field.member]: value };
      }
      return body;
    },
  };
}

/** The part of a form that is for one field. */
interface FormPart {
  readonly inputs: readonly Input[];
  /**
   * Makes the value from the texts of the inputs: undefined if there is none, or an `Error` that
   * says what to enter.
   */
  readonly valueOf: (texts: readonly string[]) => unknown;
}

function formPartOf(member: string, field: Field, order: OrderView): FormPart {
  const { flags, description: label, required } = field;
  const isRequired = required === true || flags.startsWith('<');
  const name = field.member === undefined ? member : `${member}.${field.member}`;
  const input: Input = { name, label, kind: 'text', isRequired, initial: '' };
  const none = (wanted: string) => (isRequired ? new Error(wanted) : undefined);
  switch (field.parser) {
    case undefined:
      return { inputs: [input], valueOf: ([text = '']) => (text === '' ? none(`Say ${label}.`) : text) };
    case 'texts':
      return {
        inputs: [{ ...input, label: `${member}, separated by commas` }],
        valueOf([text = '']) {
          const texts = text.split(',').map((one) => one.trim());
          const given = texts.filter((one) => one !== '');
          return given.length === 0 ? none(`Enter ${member}, separated by commas.`) : given;
        },
      };
    case 'amount':
      return {
        inputs: [{ ...input, label: `${member}, in ${order.currency}`, kind: 'amount' }],
        valueOf([text = '']) {
          const wanted = 'Enter an amount, such as 5.00.';
          if (text === '') return none(wanted);
          return parseAmount(text, order.currency) || new Error(wanted);
        },
      };
    case 'address':
      return {
        inputs: Object.entries(addressLabels).map(([part, partLabel]) => ({
          ...input,
          name: `${name}.${part}`,
          label: partLabel,
          isRequired: false,
        })),
        valueOf(texts) {
          const given = Object.keys(addressLabels).map((part, index) => [part, texts[index] ?? '']);
          const address = given.filter(([, text]) => text !== '');
          return address.length === 0 ? none('Enter an address.') : Object.fromEntries(address);
        },
      };
    case 'quantities':
      return unitsPart(
        input,
        order.lines.map((line) => ({ ...line, most: field.unitsLeft(line, order) })),
      );
    case 'amendedLines':
      return unitsPart(input, order.lines);
    case 'newLines':
      throw new TypeError(`${member}: only the form of a new order (orders/place-order.tsx) has new lines`);
    default:
      return field satisfies never;
  }
}

const addressLabels = {
  street: 'street',
  city: 'city',
  postalCode: 'postal code',
  country: 'country (DE)',
} as const satisfies Partial<Record<keyof Address, string>>;

interface EnteredLine {
  readonly sku: string;
  readonly name?: string;
  readonly quantity: number;
  /** without it, any number of units may be entered */
  readonly most?: number;
}

/** One input for the units of each line. A line without units left has no input. */
function unitsPart(field: Input, all: readonly EnteredLine[]): FormPart {
  const lines = all.filter(({ most }) => most !== 0);
  const inputs = lines.map(({ sku, name, quantity, most }): Input => ({
    name: `${field.name}.${sku}`,
    label: name ?? sku,
    kind: 'units',
    isRequired: false,
    initial: String(most ?? quantity),
    ...(most !== undefined && { most }),
  }));
  return {
    inputs,
    valueOf(texts) {
      const isUntouched = inputs.every(({ initial }, index) => texts[index] === initial);
      if (isUntouched && !field.isRequired) return undefined;
      const entered = lines.map(({ sku }, index) => ({ sku, quantity: Number(texts[index]) }));
      const given = entered.filter(({ quantity }) => quantity > 0);
      return given.length === 0 ? new Error('Enter how many units.') : given;
    },
  };
}
