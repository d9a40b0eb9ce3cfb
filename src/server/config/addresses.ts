import { isIP } from 'node:net';

/** Whether all servers of a connection string are on this machine. */
export function isLocalUri(uri: string): boolean {
  const [, servers = ''] = /^mongodb:\/\/(?:[^@/]*@)?([^/?]+)/.exec(uri) ?? [];
  return servers.split(',').every((server) => isLocalServer(server));
}

/** @param server a host name or address, with or without a port */
export function isLocalServer(server: string): boolean {
  return isLoopback(server.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** The URL at which a server of this machine is reached. */
export function addressOf(host: string, port: number): string {
  // A server that listens on all interfaces is reached over the loopback interface.
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
