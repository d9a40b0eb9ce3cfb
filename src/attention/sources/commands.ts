import { waitingCommands } from '../../kafka/commands-status.js';
import { oldest, sortKeyOf, type SourceRow } from '../cursor.js';
import type { Source } from '../source.js';

/** Commands from Kafka that have had no answer for too long. Later ones to the same orders wait. */
export const commandsWaiting: Source = async ({ db, kafka, overdueBefore, after, limit }) => {
  if (kafka === undefined) return [];
  const found = (await waitingCommands(db, kafka.commandsTopic)).map(({ record, since, why }): SourceRow => {
    const detail = `the command ${record} of Kafka waits, and later ones with its key: ${why}`;
    const remedy = 'it is retried automatically; GET /health/ready shows what is down';
    return { id: record, row: { code: 'command_waiting', since, detail, remedy } };
  });
  const from = after === undefined ? '' : `${after.since} ${after.id}`;
  return oldest(
    found.filter((one) => one.row.since <= overdueBefore && sortKeyOf(one) > from),
    limit,
  );
};
