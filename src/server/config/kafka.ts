import { schemaVersions } from '../../order/events.js';
import { idPattern, linePattern, MAX_TAG_LENGTH } from '../../order/patterns.js';
import { payloads, type Selection } from '../../selection.js';
import { hideSecret } from '../../redaction.js';
import { isLoopback } from './addresses.js';
import { isLongerThanTag, itemsIn } from './items.js';
import type { Role } from './roles.js';
import { readTls } from './tls.js';
import {
  bad,
  ConfigError,
  type Env,
  integer,
  list,
  matching,
  oneOf,
  secret,
  text,
  value,
} from './variables.js';

const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** How this system uses Kafka. */
export interface KafkaConfig {
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  /** the topic of events; its name is also the transactional id */
  readonly topic: string;
  /** the topic of commands; its name is also the consumer group */
  readonly commandsTopic: string;
  /** number of partitions of a topic that the system creates; the topic of checkpoints has one */
  readonly partitions: number;
  /** which events are published, and in which form */
  readonly selection: Selection;
  readonly tls?: {
    readonly ca?: Buffer;
    readonly cert?: Buffer;
    readonly key?: Buffer;
    readonly serverName?: string;
  };
  readonly sasl?: {
    readonly mechanism: (typeof SASL_MECHANISMS)[number];
    readonly username: string;
    readonly password: string;
  };
}

/** These variables have no effect without brokers. */
const KAFKA_NAMES = [
  'KAFKA_TOPIC',
  'KAFKA_COMMANDS_TOPIC',
  'KAFKA_PARTITIONS',
  'KAFKA_EVENTS',
  'KAFKA_CUSTOMERS',
  'KAFKA_TAGS',
  'KAFKA_PAYLOAD',
  'KAFKA_USERNAME',
  'KAFKA_PASSWORD',
  'KAFKA_PASSWORD_FILE',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_TLS',
  'KAFKA_TLS_SERVER_CA_CERT_PATH',
  'KAFKA_TLS_SERVER_NAME',
  'KAFKA_TLS_CLIENT_CERT_PATH',
  'KAFKA_TLS_CLIENT_KEY_PATH',
];

/**
 * @throws ConfigError if there is no broker and one is needed, if both uses of Kafka need the same
 *   topic, or if a password would be sent unencrypted
 */
export function readKafka(env: Env, roles: ReadonlySet<Role>): KafkaConfig | undefined {
  const brokers = list(env, 'KAFKA_BROKERS', (item) => brokerOf(item) !== undefined, 'host:port').flatMap(
    (item) => brokerOf(item) ?? [],
  );
  if (brokers.length === 0) {
    if (roles.has('kafka')) throw new ConfigError('KAFKA_BROKERS is missing: the role kafka needs it.');
    const useless = KAFKA_NAMES.find((name) => value(env, name) !== undefined);
    if (useless === undefined) return undefined;
    throw new ConfigError(`KAFKA_BROKERS is missing: ${useless} is of no use without it.`);
  }
  const topic = topicIn(env, 'KAFKA_TOPIC', 'orders.events');
  const commandsTopic = topicIn(env, 'KAFKA_COMMANDS_TOPIC', 'orders.commands');
  // `topicsOf` derives the same names.
  const taken = [commandsTopic, `${commandsTopic}.refused`];
  const shared = [topic, `${topic}.checkpoints`].find((name) => taken.includes(name));
  if (shared !== undefined)
    throw new ConfigError(
      `KAFKA_TOPIC=${topic} and KAFKA_COMMANDS_TOPIC=${commandsTopic} both need the topic ${shared}: give each its own. The first also needs ${topic}.checkpoints, the second ${commandsTopic}.refused.`,
    );
  const partitions = integer(env, 'KAFKA_PARTITIONS', 6, 1, 1_000);
  const selection = readSelection(env);
  const sasl = readSasl(env);
  const tls = readTls(env, 'KAFKA', sasl !== undefined);
  const remote = brokers.find(({ host }) => !isLoopback(host));
  if (sasl?.mechanism === 'PLAIN' && tls === undefined && remote !== undefined)
    throw new ConfigError(
      `KAFKA_TLS=false cannot be used with KAFKA_SASL_MECHANISM=PLAIN: ${remote.host} would get KAFKA_PASSWORD unencrypted. Remove KAFKA_TLS, or use SCRAM-SHA-512.`,
    );
  const { crt: cert, key } = tls?.clientCertPair ?? {};
  return {
    brokers,
    topic,
    commandsTopic,
    partitions,
    selection,
    ...(tls && {
      tls: {
        ...(tls.serverRootCACertificate && { ca: tls.serverRootCACertificate }),
        ...(tls.serverNameOverride !== undefined && { serverName: tls.serverNameOverride }),
        ...(cert && key && { cert, key }),
      },
    }),
    ...(sasl && { sasl }),
  };
}

/**
 * Which events are published. Types, ids and tags are checked as in the settings of a webhook
 * endpoint.
 */
function readSelection(env: Env): Selection {
  const known = Object.keys(schemaVersions);
  const [id, line] = [new RegExp(idPattern, 'u'), new RegExp(linePattern, 'u')];
  const isTag = (item: string) => line.test(item) && !isLongerThanTag(item);
  const expectedTags = `tags of at most ${MAX_TAG_LENGTH} characters, one that has a comma in double quotes`;
  const types = `types of events, of ${known.join(', ')}`;
  return {
    eventTypes: chosenItems(env, 'KAFKA_EVENTS', (item) => known.includes(item), types),
    customers: chosenItems(env, 'KAFKA_CUSTOMERS', (item) => id.test(item), 'ids of customers'),
    tags: chosenItems(env, 'KAFKA_TAGS', isTag, expectedTags),
    payload: oneOf(env, 'KAFKA_PAYLOAD', payloads, 'event'),
  };
}

/** @throws ConfigError for a list without items, because it would choose everything */
function chosenItems(
  env: Env,
  name: string,
  isOne: (item: string) => boolean,
  expected: string,
): readonly string[] {
  const given = value(env, name);
  if (given === undefined) return [];
  const items = itemsIn(given);
  if (items === undefined || items.length === 0 || !items.every(isOne))
    throw bad(name, given, `${expected}, separated by commas; unset it for all`);
  return items;
}

function topicIn(env: Env, name: string, fallback: string): string {
  const topic = text(env, name, fallback);
  matching(name, topic, /^[\w.-]{1,200}$/, 'letters, digits, ".", "_" and "-", at most 200');
  return topic;
}

function brokerOf(item: string): { readonly host: string; readonly port: number } | undefined {
  const [, name, ipv6, digits] = /^(?:([\w.-]+)|\[([\da-f:.]+)\]):(\d{1,5})$/i.exec(item) ?? [];
  const [host, onPort] = [name ?? ipv6, Number(digits)];
  return host !== undefined && onPort >= 1 && onPort <= 65_535 ? { host, port: onPort } : undefined;
}

function readSasl(env: Env): KafkaConfig['sasl'] {
  const username = value(env, 'KAFKA_USERNAME');
  const password = secret(env, 'KAFKA_PASSWORD');
  const mechanism = oneOf(env, 'KAFKA_SASL_MECHANISM', SASL_MECHANISMS, 'SCRAM-SHA-512');
  if (username === undefined && password === undefined) {
    if (value(env, 'KAFKA_SASL_MECHANISM') === undefined) return undefined;
    throw new ConfigError('KAFKA_USERNAME is missing: KAFKA_SASL_MECHANISM is of no use without it.');
  }
  if (username === undefined) throw new ConfigError('KAFKA_USERNAME is missing: KAFKA_PASSWORD is for it.');
  if (password === undefined)
    throw new ConfigError('KAFKA_PASSWORD is missing: set it or KAFKA_PASSWORD_FILE.');
  hideSecret(password);
  return { mechanism, username, password };
}
