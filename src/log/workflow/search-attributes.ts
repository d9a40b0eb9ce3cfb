import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { patched, upsertSearchAttributes } from '@temporalio/workflow';
import type { Attribute, Draft, Effect, Entity, State } from '../entity.js';
import type { Halt } from './messages.js';
import { searchAttributes } from '../search-attribute-names.js';

/** The search attributes of a workflow in Temporal's list. */
export class ListedAttributes {
  private listed: ReadonlyMap<string, Attribute['value']>;
  /** false if Temporal's list may lack attributes whose value has not changed */
  private isComplete: boolean;

  private constructor(listed: ReadonlyMap<string, Attribute['value']>, isComplete: boolean) {
    this.listed = listed;
    this.isComplete = isComplete;
  }

  /**
   * A new workflow counts as listed with the status `pending`, so any other status is upserted
   * immediately. The first upsert has all attributes.
   */
  static ofNew(attributes: readonly Attribute[]): ListedAttributes {
    return new ListedAttributes(valuesOf(attributes).set(searchAttributes.status, 'pending'), false);
  }

  /** A run that continues another one starts with the attributes of that run. */
  static ofContinued(attributes: readonly Attribute[]): ListedAttributes {
    return new ListedAttributes(valuesOf(attributes), true);
  }

  /**
   * A workflow that takes an entity over is started with the entity's status, and with none of the
   * other search attributes that change.
   */
  static ofResumed(status: string): ListedAttributes {
    return new ListedAttributes(new Map([[searchAttributes.status, status]]), false);
  }

  /**
   * Upserts all changes if one of them must be made immediately. Each upsert is an event in the
   * history.
   */
  update(attributes: readonly Attribute[]): void {
    const { listed } = this;
    const changed = attributes.filter(({ name, value }) => listed.get(name) !== value);
    const isStatus = changed.some(({ name }) => name === searchAttributes.status);
    if (!isStatus && !changed.some(({ atOnce }) => atOnce)) return;
    this.listed = valuesOf(attributes);
    // Histories of an earlier version of this code have an upsert for the status only.
    if (!isStatus && !patched('listed-attributes')) return;
    const upserted = this.isComplete ? changed : attributes;
    this.isComplete = true;
    upsertSearchAttributes(upserted.map(pairOf));
  }
}

/**
 * The status, and the attributes of the entity's `listing`. If the entity is halted, the
 * `attention` attribute of the listing is true.
 */
export function attributesOf<S extends State, D extends Draft, F extends Effect>(
  { listing }: Entity<S, D, F>,
  state: S,
  halted: Halt | undefined,
): readonly Attribute[] {
  return [
    { name: searchAttributes.status, value: state.status, atOnce: true },
    ...(listing?.(state) ?? []).map((one) =>
      one.name === searchAttributes.attention && halted !== undefined ? { ...one, value: true } : one,
    ),
  ];
}

function valuesOf(attributes: readonly Attribute[]): Map<string, Attribute['value']> {
  return new Map(attributes.map(({ name, value }) => [name, value]));
}

function pairOf({ name, value }: Attribute): SearchAttributePair {
  if (typeof value === 'string') return { key: defineSearchAttributeKey(name, 'KEYWORD'), value };
  if (typeof value === 'boolean') return { key: defineSearchAttributeKey(name, 'BOOL'), value };
  return { key: defineSearchAttributeKey(name, 'INT'), value };
}
