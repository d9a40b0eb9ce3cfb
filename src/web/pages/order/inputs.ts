import type { FollowUpType } from '../../../order/commands.js';
import { quantityOf } from '../../../order/order.js';
import type { OrderView } from '../../../order/view.js';
import { commands } from '../../../api/commands/table.js';
import type { Field } from '../../../api/commands/entry.js';
import { parseAmount } from '../../format.js';

/** A field of the form of a command, made from the command's entry in the table. */
export interface Input {
  /**
   * the member of the body; if the member has several inputs, a dot and the part follow
   */
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'amount' | 'units';
  readonly isRequired: boolean;
  readonly initial: string;
  /** the SKU whose units are entered */
  readonly sku?: string;
  readonly most?: number;
}

const address = ['street', 'city', 'postalCode', 'country'] as const;

export function inputsOf(type: FollowUpType, view: OrderView): readonly Input[] {
  return Object.entries(commands[type].fields).flatMap(([member, fields]) =>
    [fields].flat().flatMap((field: Field) => inputsOfField(type, member, field, view)),
  );
}

function inputsOfField(type: FollowUpType, member: string, field: Field, view: OrderView): readonly Input[] {
  const text = { name: member, label: field.description, isRequired: isRequired(field), initial: '' };
  switch (field.parser) {
    case 'amount':
      return [{ ...text, label: `${member}, in ${view.currency}`, kind: 'amount' }];
    case 'json':
      return address.map((part) => ({
        name: `${member}.${part}`,
        label: part === 'postalCode' ? 'postal code' : part === 'country' ? 'country (DE)' : part,
        kind: 'text',
        isRequired: false,
        initial: '',
      }));
    case 'quantities':
    case 'amendedLines':
      return view.lines.flatMap((line) => {
        const most = freeUnits(type, line, view);
        if (most === 0) return [];
        return {
          name: `${member}.${line.sku}`,
          label: line.name ?? line.sku,
          kind: 'units',
          isRequired: false,
          initial: String(most ?? line.quantity),
          sku: line.sku,
          ...(most !== undefined && { most }),
        };
      });
    default:
      return [{ ...text, kind: 'text' }];
  }
}

function isRequired({ required, flags }: Field): boolean {
  return required === true || flags.startsWith('<');
}

/**
 * The units that can still be returned, or shipped or cancelled; undefined for an amendment, which
 * may set any number.
 */
function freeUnits(
  type: FollowUpType,
  line: OrderView['lines'][number],
  { shipments }: OrderView,
): number | undefined {
  if (type === 'AmendOrder') return undefined;
  if (type === 'RequestReturn') return line.delivered - line.returned;
  const waiting = shipments
    .filter(({ status }) => status === 'created')
    .reduce((sum, { lines }) => sum + quantityOf(lines, line.sku), 0);
  return line.quantity - line.cancelled - line.shipped - waiting;
}

/** What was typed, by the names of inputs. */
export type TypedTexts = Readonly<Record<string, string>>;

/** The body of the command, or a text that says which input cannot be used. */
export function bodyOf(
  type: FollowUpType,
  inputs: readonly Input[],
  typed: TypedTexts,
  view: OrderView,
): object | string {
  const body: Record<string, unknown> = {};
  for (const [member, fields] of Object.entries(commands[type].fields)) {
    const [field] = [fields].flat() as readonly Field[];
    if (field === undefined) continue;
    const mine = inputs.filter(({ name }) => name === member || name.startsWith(`${member}.`));
    const value = valueOf(field, mine, typed, view);
    if (value instanceof Error) return value.message;
    if (value !== undefined) body[member] = value;
  }
  return body;
}

function valueOf(field: Field, inputs: readonly Input[], typed: TypedTexts, view: OrderView): unknown {
  const text = (input: Input) => (typed[input.name] ?? input.initial).trim();
  const [first] = inputs;
  if (first === undefined) return undefined;
  switch (field.parser) {
    case 'amount': {
      const amount = parseAmount(text(first), view.currency);
      return amount === undefined || amount === 0 ? new Error('Enter an amount, such as 5.00.') : amount;
    }
    case 'json': {
      const parts = inputs.flatMap((input) =>
        text(input) === '' ? [] : [[input.name.split('.')[1] ?? '', text(input)]],
      );
      return parts.length === 0 ? undefined : Object.fromEntries(parts);
    }
    case 'quantities':
    case 'amendedLines': {
      const lines = inputs.flatMap((input) => {
        const quantity = Number(text(input));
        return quantity > 0 ? [{ sku: input.sku ?? '', quantity }] : [];
      });
      if (inputs.every((input) => text(input) === input.initial) && field.required !== true) return undefined;
      return lines.length === 0 ? new Error('Enter how many units.') : lines;
    }
    default: {
      const given = text(first);
      if (given === '') return isRequired(field) ? new Error(`Say ${first.label}.`) : undefined;
      return field.member === undefined ? given : { [field.member]: given };
    }
  }
}
