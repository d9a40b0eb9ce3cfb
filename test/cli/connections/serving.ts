import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach } from '@jest/globals';
import { type Api, connectApi } from '../../../src/cli/connections/api.js';
import { listen } from '../../support/listen.js';

const servers: Server[] = [];

/** An API that answers as `listener` says. */
export async function serving(listener: RequestListener): Promise<Api> {
  return connectApi(await addressOf(listener));
}

/** Listens until the test ends. @returns the URL of a server that answers as `listener` says */
export async function addressOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  return `http://127.0.0.1:${await listen(server)}`;
}

export function stopServing(): void {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
}

afterEach(stopServing);
