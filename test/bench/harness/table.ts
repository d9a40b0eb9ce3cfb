import { holds, type Judged } from './result.js';

/** The results for people. */
export function table(results: readonly Judged[]): string {
  const rows = results.map(({ result, goal }) => [
    result.name,
    `${number(result.value)} ${result.unit}`,
    number(result.baseline),
    number(result.ratio),
    number(result.p50),
    number(result.p95),
    number(result.p99),
    goal === undefined
      ? ''
      : `${goal.of} ${goal.is} ${number(goal.limit)} ${holds(goal, result) ? '✓' : '✗'}`,
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

function number(value: number | null): string {
  if (value === null) return '';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
