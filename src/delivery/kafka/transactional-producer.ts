import {
  type apiVersionsV3,
  type Callback,
  type CallbackWithPromise,
  kGetApi,
  kListApis,
  Producer,
} from '@platformatic/kafka';
import { produceEncoded } from './produce.js';

type Api = apiVersionsV3.ApiVersionsResponseApi;

/** Kafka's value for a new producer; the client's default would ask for producer 0. */
export const anyProducer = { producerId: -1n, producerEpoch: -1 };

export type Transaction = Awaited<ReturnType<TransactionalProducer['beginTransaction']>>;

/**
 * A producer of records that are encoded already (`EncodedRecord`). It needs rights only to its
 * topics and its transactional id. So it uses version 3 of the request that adds partitions to a
 * transaction: later versions are for brokers and need a right to the cluster. By default, the
 * client would use the highest version.
 */
export class TransactionalProducer extends Producer {
  override [kListApis](callback: CallbackWithPromise<Api[]>): void {
    super[kListApis]((error, apis = []) => {
      callback(error, apis.map(upToVersion3));
    });
  }

  override [kGetApi](name: string, callback: Callback<never>): void {
    super[kGetApi](name, (error, api) => {
      const found = name === 'Produce' && api ? produceEncoded(api.version) : api;
      callback(error, found as never);
    });
  }
}

function upToVersion3(api: Api): Api {
  return api.name === 'AddPartitionsToTxn' ? { ...api, maxVersion: Math.min(api.maxVersion, 3) } : api;
}
