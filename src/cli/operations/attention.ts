import { type Command, Option } from 'commander';
import { MAX_SHORT_PAGE } from '../../api/schemas/page-limits.js';
import { type AttentionCode, attentionCodes, type AttentionRow } from '../../attention/rows.js';
import type { Page } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { attentionLines } from '../printing/attention-lines.js';
import { moreLines } from '../printing/table.js';
import type { Paint } from '../printing/terminal.js';
import { addPageOptions, type PageOptions } from '../script/options.js';
import { addScript, report, type Session } from '../script/script.js';

interface AttentionOptions extends PageOptions {
  readonly code?: AttentionCode;
  readonly olderThan?: string;
}

/** Adds `attention`: lists what needs an operator. */
export function addAttention(program: Command, session: Session): void {
  const command = addScript(program, 'attention', {
    summary: 'show what needs an operator: since when, and what to do',
    details:
      'The most serious comes first. What is owed, pending, undecided, failing or waiting is listed after the ' +
      'ATTENTION_AFTER of the API (5 minutes); everything else immediately.',
    examples: ['attention', 'attention --code effect_owed --older-than 1h', 'attention --json'],
  })
    .addOption(new Option('--code <code>', 'only rows of this code').choices(attentionCodes))
    .option('--older-than <duration>', 'only rows that are older, such as 30m or 2h');
  addPageOptions(command, MAX_SHORT_PAGE);
  command.action(async () => {
    const options = command.optsWithGlobals<AttentionOptions>();
    const { code, olderThan, limit, cursor } = options;
    const page = await apiOf(session, options).get<Page<AttentionRow>>('/v1/attention', {
      code,
      olderThan,
      limit,
      cursor,
    });
    report(session, options, page, () => pageLines(page, session.terminal.paint));
  });
}

function pageLines({ data, nextCursor }: Page<AttentionRow>, paint: Paint): readonly string[] {
  if (data.length === 0) return [paint('green', 'nothing needs an operator')];
  return [...data.flatMap((row) => [...attentionLines(row, paint), '']), ...moreLines(nextCursor)];
}
