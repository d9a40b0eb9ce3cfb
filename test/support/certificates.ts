import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { installByApt, whichOf } from './programs.mjs';

interface Service {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
}

/** The services of `docker-compose.yml`, by name. */
export const { services } = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};

const run = promisify(execFile);

/** The shell text of a service, with `folder` in place of `/tls`, the folder of certificates. */
export function shellOf(service: string, folder: string): string {
  return (services[service]?.command[0] ?? '').replaceAll('$$', '$').replaceAll('/tls', folder);
}

/**
 * Makes the certificates of an installation as `docker compose up` does: `authority`, `mongodb`
 * (also for `localhost` and `127.0.0.1`), `temporal` and `client`, each with `ca.pem` and, except
 * the first, `identity.pem`.
 *
 * @param days how long they last
 */
export async function issueCertificates(folder: string, days = 365): Promise<void> {
  if ((await whichOf(['openssl'])) === undefined) await installByApt(['openssl']);
  for (const part of ['authority', 'mongodb', 'temporal', 'client'])
    mkdirSync(join(folder, part), { recursive: true });
  await run('bash', ['-euc', shellOf('certificates', folder).replace(/-days 365\b/g, `-days ${days}`)]);
}
