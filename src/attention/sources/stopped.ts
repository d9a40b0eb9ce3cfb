import { forks } from '../../log/journal/fork.js';
import type { State } from '../../log/entity.js';
import type { AnyLog } from '../../log/entity-log/entity-log.js';
import { type StateDocument, stateViews } from '../../log/entity-log/state-view.js';
import { logs } from '../../entity-logs.js';
import { committedInTime } from '../../mongodb/durability.js';
import { orderLog } from '../../order-log.js';
import { oldest, pageFilter, type SourceRow } from '../cursor.js';
import type { Source, SourceQuery } from '../source.js';
import type { AttentionCode, AttentionRow } from '../rows.js';

/** Entities of every kind that have stopped with this code. */
export async function stoppedEntities(
  query: SourceQuery,
  code: AttentionCode,
): Promise<readonly SourceRow[]> {
  const { db, before, after, limit } = query;
  return await ofEveryLog(limit, async (log) => {
    const found = await stateViews(log, db)
      .find(pageFilter('stopped.since', before, after, { 'stopped.code': code }), committedInTime)
      .sort({ 'stopped.since': 1, _id: 1 })
      .limit(limit)
      .project<Pick<StateDocument<State>, '_id' | 'stopped'>>({ stopped: 1 })
      .toArray();
    return found.flatMap(({ _id: id, stopped: why }) =>
      why === undefined
        ? []
        : [{ id, row: { ...about(log, id, why.detail), since: why.since, remedy: why.remedy, code } }],
    );
  });
}

/**
 * Entities that were halted because of a fork. They are read from `<entity>_forks`, which is
 * written before the view is marked as stopped.
 */
export const forkedEntities: Source = async ({ db, before, after, limit }) => {
  return await ofEveryLog(limit, async (log) => {
    const found = await forks(log, db)
      .find(pageFilter('detectedAt', before, after), committedInTime)
      .sort({ detectedAt: 1, _id: 1 })
      .limit(limit)
      .toArray();
    return found.map(({ _id: id, version, journal, workflow, detectedAt }) => ({
      id,
      row: {
        ...about(
          log,
          id,
          `the ${log.entity.name} is halted: version ${version} is ${journal} in the journal and ${workflow} in the workflow's history`,
        ),
        code: 'order_forked',
        since: detectedAt,
        remedy: `${log.cliLines.verify(id)} shows both; ${log.cliLines.resume(id)} continues from the journal`,
      },
    }));
  });
};

/** The oldest `limit` rows of all kinds of entities. */
async function ofEveryLog(
  limit: number,
  rowsIn: (log: AnyLog) => Promise<readonly SourceRow[]>,
): Promise<readonly SourceRow[]> {
  return oldest((await Promise.all(logs.map(rowsIn))).flat(), limit);
}

/** Identifies the entity: an order by its id, any other in the detail. */
function about(log: AnyLog, id: string, detail: string): Pick<AttentionRow, 'orderId' | 'detail'> {
  const { name } = log.entity;
  return name === orderLog.entity.name ? { orderId: id, detail } : { detail: `${name} ${id}: ${detail}` };
}
