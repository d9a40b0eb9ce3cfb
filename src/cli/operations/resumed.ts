import type { ResumeReport } from '../../log/resume/resume-report.js';

/* The reports of `resume`, counted and collected. */

/** Maximum number of reports that are kept. Those that need an operator are always kept. */
export const MAX_KEPT = 10_000;

/** The reports about the entities of one kind. */
export interface Resumed {
  /** name of the kind, such as `order` */
  readonly entity: string;
  looked: number;
  readonly counts: Partial<Record<ResumeReport['outcome'], number>>;
  /**
   * every report that needs an operator, and reports of changed entities while there are fewer than
   * `MAX_KEPT` reports
   */
  readonly orders: ResumeReport[];
  /** number of further entities that were changed */
  omitted: number;
}

export function nothingResumed(entity: string): Resumed {
  return { entity, looked: 0, counts: {}, orders: [], omitted: 0 };
}

/** Adds the next report. */
export function addReport(resumed: Resumed, report: ResumeReport): void {
  const { counts, orders } = resumed;
  resumed.looked += 1;
  counts[report.outcome] = (counts[report.outcome] ?? 0) + 1;
  if (report.remedy !== undefined) orders.push(report);
  else if (isUnchanged(report)) return;
  else if (orders.length < MAX_KEPT) orders.push(report);
  else resumed.omitted += 1;
}

function isUnchanged({ outcome, recorded, setAside }: ResumeReport): boolean {
  return (outcome === 'running' || outcome === 'ended') && recorded.length + setAside.length === 0;
}
