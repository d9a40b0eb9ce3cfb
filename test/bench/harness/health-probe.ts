import { setTimeout } from 'node:timers/promises';
import { HttpConnection } from './http-connection.js';
import { offer } from './remote.js';

const EVERY_MS = 50;

/** Checks a server's health as an orchestrator does, from a process that does nothing else. */
export type HealthProbe = {
  begin(address: string): Promise<void>;
  /** How long each health check took, in milliseconds. */
  end(): Promise<readonly number[]>;
};

let times: Promise<readonly number[]> = Promise.resolve([]);
let ended = new AbortController();

const probe: HealthProbe = {
  async begin(address) {
    const connection = await HttpConnection.open(address);
    ended = new AbortController();
    times = watch(connection, ended.signal);
  },
  end() {
    ended.abort();
    return times;
  },
};
offer(probe, async () => undefined);

async function watch(connection: HttpConnection, signal: AbortSignal): Promise<readonly number[]> {
  const taken: number[] = [];
  while (!signal.aborted) {
    const before = performance.now();
    const { status } = await connection.get('/health/live');
    if (status !== 200) throw new Error(`/health/live: ${status}`);
    taken.push(performance.now() - before);
    await setTimeout(EVERY_MS);
  }
  connection.close();
  return taken;
}
