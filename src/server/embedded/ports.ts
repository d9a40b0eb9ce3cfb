import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const CONNECT_WITHIN_MS = 1_000;

/** A port that something else uses. Its message is one line: the port, and the variable to change. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';
  constructor(port: number, variable: string) {
    super(`Port ${port} is in use: end what uses it, or set ${variable} to another port.`);
  }
}

/** @throws PortInUseError when `host:port` cannot be listened on. Port 0 always can. */
export async function assertPortFree(host: string, port: number, variable: string): Promise<void> {
  if (port !== 0 && !(await isFree(host, port))) throw new PortInUseError(port, variable);
}

/** A free port on the loopback interface, from below the range that the system gives to outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    if (await isFree('127.0.0.1', port)) return port;
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** @throws Error when nothing listens on that port of the loopback interface. */
export async function assertListening(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_WITHIN_MS) });
  } finally {
    socket.destroy();
  }
}
