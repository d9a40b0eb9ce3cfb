import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import type { CommandMeta, CommandResult, Gateway } from '../../../../src/api/commands/gateway/gateway.js';
import { systemOf } from '../../../../src/api/operations/system.js';
import { run } from '../../../../src/cli/program.js';
import { type FollowUpCommand, followUpTypes } from '../../../../src/order/commands.js';
import { readConfig } from '../../../../src/server/config.js';
import { choicesOf } from '../../../../src/web/pages/order/choices.js';
import { curlOf, quoted, scriptOfCommand } from '../../../../src/web/pages/order/terminal-lines.js';
import { silentTerminal } from '../../../cli/without-temporal.js';
import { filled, orderFor } from './forms.js';

test.each(followUpTypes)('the script of %s sends what the form sends', async (type) => {
  const order = orderFor(type);
  const choice = choicesOf(order).find((one) => one.type === type && one.reason === undefined)!;
  const { body } = filled(type, order);
  const [npx, orders, ...words] = wordsOf(scriptOfCommand(choice, body, order));
  expect([npx, orders]).toEqual(['npx', 'orders']);
  const { command, meta } = await sentBy(words);
  const { shipmentId: _, returnId: __, ...sent } = { shipmentId: '', returnId: '', ...command.data };
  expect({ type: command.type, sent }).toEqual({ type, sent: body });
  expect(meta.expectedVersion).toBe(order.version);
});

test('a text is one word for a shell, whatever it has', () => {
  const texts = ['plain', 'two words', "it's", '$HOME `date` "x" \\ ;', ''];
  expect(wordsOf(texts.map(quoted).join(' '))).toEqual(texts);
  const [, body] = wordsOf(curlOf('https://orders.example/v1/orders', { note: "it's" })).slice(-2);
  expect(body).toBe(`{"note":"it's"}`);
});

/** The words that a shell makes of a line. */
function wordsOf(line: string): readonly string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
}

/** The command that a script sends. */
async function sentBy(words: readonly string[]) {
  const sent: { readonly command: FollowUpCommand; readonly meta: CommandMeta }[] = [];
  const complaints: string[] = [];
  const answer = { orderId: 'o-1', version: 1, status: 'pending', events: [] } as const;
  const gateway: Partial<Gateway> = {
    execute: async (_, command, meta): Promise<CommandResult> => {
      sent.push({ command, meta });
      return { kind: 'answered', answer, replayed: false };
    },
  };
  await run([...words], {
    terminal: { ...silentTerminal, complain: (text) => complaints.push(text) },
    env: {},
    // The script calls nothing else.
    openTemporalGateway: async () => ({
      gateway: gateway as Gateway,
      system: systemOf(readConfig({})),
      close: async () => undefined,
    }),
  });
  expect(complaints).toEqual([]);
  return sent[0]!;
}
