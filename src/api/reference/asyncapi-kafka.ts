import { Type } from 'typebox';
import type { CommandType } from '../../order/commands.js';
import { bodyParts } from '../commands/body-parts.js';
import { optionalHeaders } from '../commands/kafka/command-headers.js';
import { commands } from '../commands/table.js';

/** Some channels of the document, and what is sent or received on them. */
export interface AsyncChannels {
  readonly channels: Readonly<Record<string, object>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly messages: Readonly<Record<string, object>>;
}

const key = (description: string) => ({
  kafka: { key: Type.String({ description }), bindingVersion: '0.5.0' },
});
const orderKey = key('the id of the order');

/** Headers of the binary content mode of CloudEvents; the record's value is the event's data. */
const cloudEventHeaders = Type.Object({
  'content-type': Type.Literal('application/json'),
  ce_specversion: Type.Literal('1.0'),
  ce_id: Type.String({ description: '`<orderId>:<version>`' }),
  ce_source: Type.Literal('/v1/orders'),
  ce_type: Type.String({ description: 'such as `order.confirmed.v1`' }),
  ce_subject: Type.String({ description: 'the id of the order' }),
  ce_time: Type.String({ format: 'date-time' }),
  ce_sequence: Type.String({ description: 'the position in the feed' }),
  ce_generation: Type.String({ description: 'the generation of the feed, to which the position belongs' }),
  ce_traceparent: Type.Optional(Type.String({ description: 'the trace and span, as in W3C Trace Context' })),
});

const commandHeaders = {
  ...optionalHeaders,
  traceparent: Type.Optional(Type.String({ description: 'the trace and span, as in W3C Trace Context' })),
};

/** @param events for each type of event, a message whose data may be any of the payloads */
export function kafkaChannels(events: readonly (readonly [type: string, message: object])[]): AsyncChannels {
  // The keys of the table are the types of commands.
  const types = Object.keys(commands) as CommandType[];
  const ofCommands = types.map((type) => [type, commandMessage(type)] as const);
  const ofEvents = events.map(
    ([type, message]) =>
      [`${type}.record`, { ...message, headers: cloudEventHeaders, bindings: orderKey }] as const,
  );
  return {
    channels: {
      kafkaEvents: {
        address: 'orders.events',
        title: 'The feed in Kafka',
        description:
          'A record for each event, in a transaction with the checkpoint, keyed by order. KAFKA_TOPIC gives it another name; ' +
          'KAFKA_EVENTS, KAFKA_CUSTOMERS and KAFKA_TAGS choose events, KAFKA_PAYLOAD the data.',
        messages: messagesOf(ofEvents.map(([name]) => name)),
      },
      kafkaCommands: {
        address: 'orders.commands',
        title: 'Commands from Kafka',
        description:
          'The value is the body of the command, as over HTTP. KAFKA_COMMANDS_TOPIC gives it another name.',
        messages: messagesOf(types),
      },
      kafkaRefused: {
        address: 'orders.commands.refused',
        title: 'Commands from Kafka that were refused',
        description:
          'The key and the headers of the record, with the problem of the API. It is named after the topic of commands.',
        messages: messagesOf(['refused']),
      },
    },
    operations: {
      publishEvents: { action: 'send', channel: { $ref: '#/channels/kafkaEvents' } },
      takeCommands: {
        action: 'receive',
        channel: { $ref: '#/channels/kafkaCommands' },
        reply: { channel: { $ref: '#/channels/kafkaRefused' } },
      },
    },
    messages: { ...Object.fromEntries([...ofEvents, ...ofCommands]), refused: refusedMessage },
  };
}

/** References to messages of the document. */
export function messagesOf(names: readonly string[]): Readonly<Record<string, object>> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

function commandMessage(type: CommandType): object {
  const { summary, body } = commands[type];
  return {
    name: type,
    title: type,
    summary,
    contentType: 'application/json',
    headers: Type.Object({ command: Type.Literal(type), ...commandHeaders }),
    payload: body(bodyParts),
    bindings: orderKey,
  };
}

const refusedMessage = {
  name: 'refused',
  title: 'A command that was refused',
  contentType: 'application/problem+json',
  headers: Type.Object({ 'refused-record': Type.String({ description: '`<topic>:<partition>:<offset>`' }) }),
  payload: { $ref: '#/components/schemas/Problem' },
  bindings: key('of the record that was refused'),
};
