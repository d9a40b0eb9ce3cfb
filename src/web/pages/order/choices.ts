import { type FollowUpType, followUpTypes, partOf, segments } from '../../../order/commands.js';
import type { OrderView } from '../../../order/view.js';
import { commands } from '../../../api/commands/table.js';

/** A command that a button stands for. */
export interface Choice {
  readonly key: string;
  readonly type: FollowUpType;
  readonly title: string;
  readonly summary: string;
  /** the path after `/v1/orders/<id>/` */
  readonly path: string;
  /** the id of the shipment or return that it goes to */
  readonly part?: string;
  /** why it is not allowed; absent if it is */
  readonly reason?: string;
}

/**
 * All commands to the order, always in the same sequence, so that no button moves. After them come
 * the commands that its shipments and returns allow.
 */
export function choicesOf(view: OrderView): readonly Choice[] {
  return [
    ...followUpTypes.filter((type) => partOf(type) === undefined).map((type) => ofOrder(view, type)),
    ...view.shipments.flatMap(({ shipmentId, allowedCommands }) =>
      ofPart('shipment', shipmentId, allowedCommands),
    ),
    ...view.returns.flatMap(({ returnId, allowedCommands }) => ofPart('return', returnId, allowedCommands)),
  ];
}

function ofOrder({ blockedCommands }: OrderView, type: FollowUpType): Choice {
  const segment = segments[type];
  const reason = blockedCommands[segment];
  return {
    key: segment,
    type,
    title: titleOf(type),
    summary: commands[type].summary,
    path: segment,
    ...(reason !== undefined && { reason }),
  };
}

function ofPart(kind: 'shipment' | 'return', part: string, allowed: readonly string[]): readonly Choice[] {
  return followUpTypes
    .filter((type) => partOf(type) === kind && allowed.includes(segments[type]))
    .map((type) => ({
      key: `${part} ${segments[type]}`,
      type,
      title: `${titleOf(type)} ${part}`,
      summary: commands[type].summary,
      path: `${kind}s/${part}/${segments[type]}`,
      part,
    }));
}

function titleOf(type: FollowUpType): string {
  const { verb } = commands[type];
  return `${verb[0]?.toUpperCase()}${verb.slice(1).replace('-', ' ')}`;
}
