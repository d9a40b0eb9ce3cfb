import { describe, expect, test } from '@jest/globals';
import { table } from '../../../src/cli/printing/table.js';
import type { Paint } from '../../../src/cli/printing/terminal.js';

const plain: Paint = (_, text) => text;
const marked: Paint = (format, text) => `<${format}>${text}</>`;

describe('a table', () => {
  test('aligns its columns, numbers to the right, without trailing blanks', () => {
    const columns = [{ title: 'SKU' }, { title: 'ON HAND', align: 'right' as const }, { title: 'NOTE' }];
    const rows = [
      ['A-1', '7', ''],
      ['B-100', '1000', 'few'],
    ];
    expect(table(columns, rows, plain)).toEqual([
      'SKU    ON HAND  NOTE',
      'A-1          7',
      'B-100     1000  few',
    ]);
  });

  test('is as wide with colours as without', () => {
    const rows = [
      [{ text: 'ok', format: 'green' as const }, 'x'],
      ['failed', 'y'],
    ];
    expect(table([{ title: '' }, { title: '' }], rows, marked)).toEqual(['<green>ok</>      x', 'failed  y']);
  });

  test('may have more rows than a function may have arguments', () => {
    const rows = Array.from({ length: 200_000 }, () => ['A-1']);
    expect(table([{ title: 'SKU' }], rows, plain)).toHaveLength(rows.length + 1);
  });
});
