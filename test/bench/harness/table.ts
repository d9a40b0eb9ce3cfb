import { holds, type Judged } from './result.js';

/** The results as a table in plain text. */
export function table(results: readonly Judged[]): string {
  const rows = results.map(({ result, goal }) => [
    result.name,
    `${number(result.value)} ${result.unit}`,
    number(result.baseline),
    number(result.ratio),
    number(result.p50),
    number(result.p95),
    number(result.p99),
    judgement(result, goal),
  ]);
  const head = ['measurement', 'value', 'baseline', 'ratio', 'p50 ms', 'p95 ms', 'p99 ms', 'goal'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isText = (column: number): boolean => column === 0 || column === head.length - 1;
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}

/** One result in a line. */
export function brief({ result, goal }: Judged): string {
  const { name, value, unit, baseline, ratio } = result;
  const against = baseline === null ? '' : ` against ${number(baseline)} (${number(ratio)})`;
  return `${name}: ${number(value)} ${unit}${against}  ${judgement(result, goal)}`.trimEnd();
}

function judgement(result: Judged['result'], goal: Judged['goal']): string {
  if (goal === undefined) return '';
  return `${goal.of} ${goal.is} ${number(goal.limit)} ${holds(goal, result) ? '✓' : '✗'}`;
}

function number(value: number | null): string {
  if (value === null) return '';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
