import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import type { CertificationResult } from '../../src/effects/certification/certify.js';

export interface Certified {
  readonly exitCode: number;
  readonly certificate: CertificationResult;
  /** `<case>: <risk>` for each case that failed; the risk is what the failure would cost */
  readonly failed: readonly string[];
}

/** Runs `orders certify` as a user does. */
export async function certify(
  kind: CertificationResult['kind'],
  provider: string,
  env: Readonly<Record<string, string>>,
): Promise<Certified> {
  const script = join(process.cwd(), 'src', 'cli', 'orders.mjs');
  const { exitCode, stdout } = await new Promise<{ exitCode: number; stdout: string }>((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env } };
    const child = execFile(
      process.execPath,
      [script, 'certify', kind, provider, '--json'],
      options,
      (_, out) => resolve({ exitCode: child.exitCode ?? -1, stdout: out }),
    );
  });
  const certificate: CertificationResult = JSON.parse(stdout);
  const failed = certificate.cases
    .filter(({ passed }) => !passed)
    .map(({ case: name, risk }) => `${name}: ${risk}`);
  return { exitCode, certificate, failed };
}
