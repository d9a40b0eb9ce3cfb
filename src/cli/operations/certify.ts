import process from 'node:process';
import { Argument, type Command } from 'commander';
import type { CertificationResult } from '../../effects/certification/certify.js';
import { kinds } from '../../effects/certification/messages.js';
import { progressBar } from '../printing/progress-bar.js';
import { type Column, table } from '../printing/table.js';
import { counted, type Paint } from '../printing/terminal.js';
import { exitCodes, Failure } from '../script/failure.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/** Adds `certify`: tests a provider with crashes, duplicates and lost answers. */
export function addCertify(program: Command, session: Session): void {
  const command = addScript(program, 'certify', {
    summary: 'take a provider through crashes, duplicates, lost and late answers, and time-outs',
    details:
      'Loads the module in separate processes and kills them. Reports each case in which it would charge twice, lose money, ' +
      'promise units twice, or pay for a label twice. Use an account for tests, since nothing is undone. `sandbox` is the built-in provider, which writes into the ' +
      'MongoDB of MONGODB_URI. ' +
      'The exit code is 0 if every case passes, else 1.',
    examples: [
      'certify payments ./my-provider.mjs',
      'certify inventory ./warehouse.mjs --json',
      'certify carriers ./labels.mjs',
      'certify payments sandbox',
    ],
  })
    .addArgument(new Argument('<kind>', 'the kind of provider').choices(kinds))
    .argument('<provider>', 'path of the module');
  command.action(async (kind: CertificationResult['kind'], provider: string) => {
    const options = command.optsWithGlobals<CommonOptions>();
    const [{ certify }, { Unusable }] = await Promise.all([
      import('../../effects/certification/certify.js'),
      import('../../effects/certification/provider-process.js'),
    ]);
    const bar = progressBar(process.stderr);
    const certificate = await certify(kind, provider, (done, total) =>
      bar.show({ what: 'cases', done, total }),
    )
      .catch((error: unknown) => {
        if (!(error instanceof Unusable)) throw error;
        throw new Failure(exitCodes.usage, { code: 'provider_unusable', message: error.message });
      })
      .finally(() => bar.end());
    report(session, options, certificate, () => certificateLines(certificate, session.terminal.paint));
    const failed = certificate.cases.filter(({ passed }) => !passed);
    if (failed.length === 0) return;
    const message = `${counted(failed.length, 'case', 'cases')} of ${certificate.cases.length} failed`;
    throw new Failure(exitCodes.refused, { code: 'not_certified', message });
  });
}

const caseColumns: readonly Column[] = [
  { title: '' },
  { title: 'CASE' },
  { title: 'EXPECTED' },
  { title: 'HAPPENED' },
  { title: 'SO IT' },
];

/** A certificate as readable text. */
function certificateLines(
  { kind, provider, passed, cases }: CertificationResult,
  paint: Paint,
): readonly string[] {
  const rows = cases.map(({ case: name, expected, happened, risk, passed: isGood }) => [
    isGood ? { text: 'ok', format: 'green' as const } : { text: 'FAIL', format: 'red' as const },
    name,
    expected,
    happened,
    risk ?? '',
  ]);
  return [
    ...table(caseColumns, rows, paint),
    '',
    passed
      ? paint('green', `${kind} (${provider}) is certified: ${counted(cases.length, 'case', 'cases')}`)
      : paint('red', `${kind} (${provider}) is not certified`),
  ];
}
