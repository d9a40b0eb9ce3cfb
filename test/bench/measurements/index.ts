import type { Measurement } from '../harness/bench.js';
import { access } from './access.js';
import { feedLag } from './feed-lag.js';
import { historyCosts } from './history-cost.js';
import { idle } from './idle.js';
import { kafkaOut } from './kafka-out.js';
import { ordersAccept, ordersAcceptBusy } from './orders-accept.js';
import { ordersComplete, ordersConfirm } from './orders-alone.js';
import { ordersCpu } from './orders-cpu.js';
import { ordersDurable } from './orders-durable.js';
import { ordersMemory } from './orders-memory.js';
import { ordersThroughput } from './orders-throughput.js';
import { overload } from './overload.js';
import { page } from './page.js';
import { queryGet, queryGetHot } from './query-get.js';
import { queryList } from './query-list.js';
import { rebuildFromHistory } from './rebuild-history.js';
import { rebuildFromJournal } from './rebuild-journal.js';
import { recordBatch } from './record-batch.js';
import { recordLong } from './record-long.js';
import { seal } from './seal.js';
import { startReady } from './start-ready.js';
import { streamMemory } from './stream-memory.js';
import { workerMemory } from './worker-memory.js';

/** All measurements, in the sequence in which they run. */
export const measurements: readonly Measurement[] = [
  ordersThroughput,
  ordersCpu,
  ordersAccept,
  ordersAcceptBusy,
  ordersConfirm,
  ordersComplete,
  ordersDurable,
  historyCosts,
  queryGet,
  queryGetHot,
  access,
  queryList,
  page,
  recordBatch,
  recordLong,
  rebuildFromJournal,
  rebuildFromHistory,
  seal,
  feedLag,
  kafkaOut,
  streamMemory,
  workerMemory,
  ordersMemory,
  idle,
  overload,
  startReady,
];
