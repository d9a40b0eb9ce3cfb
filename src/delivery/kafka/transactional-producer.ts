import { type apiVersionsV3, type CallbackWithPromise, kListApis, Producer } from '@platformatic/kafka';

type Api = apiVersionsV3.ApiVersionsResponseApi;

/**
 * A producer that needs no rights but those to its topics and its transactional id. From version 4
 * on, the request that adds partitions to a transaction is for brokers, and needs a right to the
 * whole cluster; the client would take the highest version.
 */
export class TransactionalProducer extends Producer<string, string, string, string> {
  override [kListApis](callback: CallbackWithPromise<Api[]>): void {
    super[kListApis]((error, apis = []) => {
      callback(error, apis.map(upToVersion3));
    });
  }
}

function upToVersion3(api: Api): Api {
  return api.name === 'AddPartitionsToTxn' ? { ...api, maxVersion: Math.min(api.maxVersion, 3) } : api;
}
