import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

/** A block of a page that a reader may type into a shell. */
export interface ShellBlock {
  readonly page: string;
  readonly kind: 'sh' | 'console';
  readonly text: string;
  /** why the tests do not run it */
  readonly notRun?: string;
}

/** @throws Error for a block whose language, or whose reason not to be run, cannot be read */
export async function shellBlocksOf(page: string): Promise<readonly ShellBlock[]> {
  const text = await readFile(page, 'utf8');
  const blocks = text.matchAll(/^( *)```(sh|bash|shell|console)\b(.*)\n([^]*?)^ *```/gm);
  return [...blocks].map(([, indent = '', kind = '', info = '', body = '']) => {
    const [, notRun] = /^ not-run \((.+)\)$/.exec(info) ?? [];
    if ((kind !== 'sh' && kind !== 'console') || (info !== '' && notRun === undefined))
      throw new Error(
        `${page}: write \`sh\`, \`console\`, or \`sh not-run (<why>)\`, not \`${kind}${info}\``,
      );
    const lines = body.split('\n').map((line) => line.slice(indent.length));
    return { page, kind, text: lines.join('\n'), ...(notRun !== undefined && { notRun }) };
  });
}

/**
 * A shell in a new folder. There, `npx orders` runs this checkout, and `curl` fails if the API
 * refuses the request.
 */
export interface Shell {
  /** @returns what it prints @throws Error if it fails */
  run(script: string): Promise<string>;
  close(): Promise<void>;
}

/** @param address the address of the API, in place of the one that the pages name */
export async function openShell(
  address: string,
  variables: Readonly<Record<string, string>>,
): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), 'orders-docs-'));
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const programs = {
    npx: `[ "$1" = orders ] || exit 64\nshift\nexec '${process.execPath}' '${resolve('src/cli/orders.mjs')}' "$@"`,
    curl: 'PATH=${PATH#*:} exec curl --fail "$@"',
  };
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const env = { ...variables, ORDERS_URL: address, PATH: `${bin}:${process.env['PATH']}` };
  return {
    run: async (script) =>
      await new Promise((done, failed) => {
        // Waits longer than the page says, because the machine may be busy.
        const patient = script.replaceAll(/--wait \d+/g, '--wait 30');
        const args = ['-ec', patient.replaceAll('http://127.0.0.1:8080', address)];
        execFile('sh', args, { cwd: folder, env }, (error, stdout, stderr) =>
          error === null
            ? done(stdout)
            : failed(new Error(`${script}\n${stdout}${stderr}`, { cause: error })),
        );
      }),
    close: async () => await rm(folder, { recursive: true, force: true }),
  };
}

/** The commands of a `console` block, each with what it prints. */
export function dialogueOf(text: string): readonly { readonly command: string; readonly prints: string }[] {
  return text
    .split(/^\$ /m)
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [command = '', ...prints] = part.split('\n');
      return { command, prints: prints.join('\n').trim() };
    });
}

/**
 * A pattern for an output that a page shows. Times, the user and blanks may differ, and `…` stands
 * for any text. The output has to be passed through `plain` before it is compared.
 */
export function patternOf(shown: string): RegExp {
  const any = plain(shown)
    .split('…')
    .map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${any.join('[^]*')}$`);
}

export function plain(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/temporal:\S+/g, '<user>')
    .replaceAll(/[^\S\n]+/g, ' ')
    .replaceAll(/^ | $/gm, '')
    .trim();
}
