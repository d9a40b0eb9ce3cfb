/*
 * Follows the feed of all events over Server-Sent Events, and keeps a sum in a file: the value of
 * all orders, by currency.
 *
 *     node examples/feed-consumer.mjs [file]
 *
 * The feed delivers each event at least once. The file holds the sums and the checkpoint, and each
 * write replaces both at once. Events that the checkpoint covers are ignored, so each event counts
 * exactly once, whenever this program is killed. A consumer with a database keeps its checkpoint
 * there, and writes it in the same transaction as the result.
 *
 * A checkpoint is a position in the feed and the generation of the feed. After a restore, the feed
 * may refuse a checkpoint. `ORDERS_KEY` is an API key.
 */
import { open, readFile, rename } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

const { ORDERS_URL: api = 'http://127.0.0.1:8080', ORDERS_KEY: apiKey } = process.env;
/** @type {Record<string, string>} */
const authorization = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
const file = process.argv[2] ?? 'sales.json';
const RECONNECT_MS = 1_000;

/** @typedef {{ generation: number, position: number }} Checkpoint */
/** @typedef {Checkpoint & { orders: number, value: Record<string, number> }} Sales */
/** @typedef {Checkpoint & { event: { type: string, data: { currency: string, total: number } } }} Received */

/** @returns {Promise<Sales>} */
async function load() {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return fromTheBeginning(1);
  }
}

/**
 * Empty sums. The feed accepts position 0 in any generation.
 *
 * @param {number} generation
 * @returns {Sales}
 */
function fromTheBeginning(generation) {
  return { generation, position: 0, orders: 0, value: {} };
}

/**
 * Replaces the file by a rename, which happens as a whole or not at all.
 *
 * @param {Sales} sales
 */
async function save(sales) {
  const next = `${file}.next`;
  const handle = await open(next, 'w');
  try {
    await handle.writeFile(JSON.stringify(sales));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
}

/**
 * The sums after one more event. An event that was already counted is ignored.
 *
 * @param {Sales} sales
 * @param {Received} received
 * @returns {Sales}
 */
function apply(sales, { generation, position, event: { type, data } }) {
  if (position <= sales.position) return sales;
  if (type !== 'OrderCreated') return { ...sales, generation, position };
  const { currency, total } = data;
  return {
    generation,
    position,
    orders: sales.orders + 1,
    value: { ...sales.value, [currency]: (sales.value[currency] ?? 0) + total },
  };
}

/**
 * The events of a stream in micro-batches. A batch has the events that arrived in one piece.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<Received[], void>}
 */
async function* batchesOf(body) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    const blocks = text.split('\n\n');
    // The text after the last empty line is not complete yet.
    text = blocks.pop() ?? '';
    const batch = blocks.flatMap(receivedFrom);
    if (batch.length > 0) yield batch;
  }
}

/**
 * @param {string} block an event, or a comment that keeps the connection alive
 * @returns {Received[]}
 */
function receivedFrom(block) {
  const fields = new Map(
    block.split('\n').map((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name, value.join(': ')];
    }),
  );
  const [id, data] = [fields.get('id'), fields.get('data')];
  if (id === undefined || data === undefined) return [];
  // An id without a generation is of the first generation.
  const [position, generation = 1] = id.split('@').map(Number);
  return position === undefined ? [] : [{ generation, position, event: JSON.parse(data) }];
}

/**
 * Applies the events after the checkpoint, until the connection ends.
 *
 * @param {Sales} sales
 * @returns {Promise<Sales>} the sums from which to continue
 */
async function follow(sales) {
  const response = await fetch(`${api}/v1/events/stream`, {
    headers: { ...authorization, 'last-event-id': `${sales.position}@${sales.generation}` },
  });
  if (response.status === 409) {
    // Events after `commonUntil` are delivered again. The sums cannot take back what they added for
    // them, so they begin again at zero. A consumer that stores each event under its order and
    // version can continue after `commonUntil` instead.
    const { generation, commonUntil } = /** @type {{ generation: number, commonUntil: number }} */ (
      await response.json()
    );
    console.log(`restored: generation ${generation} is the same up to ${commonUntil}; adding up again`);
    return fromTheBeginning(generation);
  }
  let saved = sales;
  if (!response.ok || response.body === null) {
    const problem = `${response.status}: ${await response.text()}`;
    // The request was refused, such as for a wrong key. A repetition would be refused, too.
    if (response.status < 500 && response.status !== 429) throw new Error(problem);
    console.error(problem);
    return saved;
  }
  try {
    for await (const batch of batchesOf(response.body)) {
      const next = batch.reduce(apply, saved);
      await save(next);
      saved = next;
      console.log(JSON.stringify(saved));
    }
  } catch (error) {
    // `fetch` throws this when the connection breaks.
    if (!(error instanceof TypeError)) throw error;
  }
  return saved;
}

let sales = await load();
console.log(`from position ${sales.position}`);
for (;;) {
  sales = await follow(sales).catch((error) => {
    if (error instanceof TypeError) return sales;
    throw error;
  });
  await setTimeout(RECONNECT_MS);
}
