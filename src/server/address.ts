/** The URL at which a server of this machine is reached. */
export function addressOf(host: string, port: number): string {
  // A server that listens on all interfaces is reached over the loopback interface.
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
