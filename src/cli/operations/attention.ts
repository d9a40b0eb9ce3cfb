import { type Command, Option } from 'commander';
import { type AttentionCode, attentionCodes, type AttentionRow } from '../../attention/rows.js';
import { apiOf } from '../connections/target.js';
import { positive } from '../script/arguments.js';
import { addScript, report } from '../script/script.js';
import type { CommonOptions, Session } from '../script/session.js';
import { rowLines } from '../terminal/attention-row.js';
import type { Paint } from '../terminal/terminal.js';

interface AttentionOptions extends CommonOptions {
  readonly code?: AttentionCode;
  readonly olderThan?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

interface AttentionPage {
  readonly data: readonly AttentionRow[];
  readonly nextCursor?: string;
}

/** Adds `attention`: lists what needs a person. */
export function addAttention(program: Command, session: Session): void {
  const command = addScript(program, 'attention', {
    summary: 'show what needs a person: since when, and what to do',
    details:
      'The most serious first. What is owed, or a payment that is pending, is listed after ATTENTION_AFTER (5 minutes) of the API; ' +
      'everything else at once.',
    examples: ['attention', 'attention --code effect_owed --older-than 1h', 'attention --json'],
  })
    .addOption(new Option('--code <code>', 'only rows of this code').choices(attentionCodes))
    .option('--older-than <duration>', 'only rows that are older, such as 30m or 2h')
    .option('--limit <number>', 'how many at most, up to 200', positive)
    .option('--cursor <cursor>', 'continue from the end of an earlier list');
  command.action(async () => {
    const options = command.optsWithGlobals<AttentionOptions>();
    const { code, olderThan, limit, cursor } = options;
    const page = await apiOf(session, options).get<AttentionPage>('/v1/attention', {
      code,
      olderThan,
      limit,
      cursor,
    });
    report(session, options, page, () => attentionLines(page, session.terminal.paint));
  });
}

function attentionLines({ data, nextCursor }: AttentionPage, paint: Paint): readonly string[] {
  if (data.length === 0) return [paint('green', 'nothing needs a person')];
  return [
    ...data.flatMap((row) => [...rowLines(row, paint), '']),
    ...(nextCursor === undefined ? [] : [`there are more: --cursor ${nextCursor}`]),
  ];
}
