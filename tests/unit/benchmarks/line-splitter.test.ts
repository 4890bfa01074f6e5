import { expect, test } from 'vitest';
import { LineSplitter } from '../../../benchmarks/measure/line-splitter.ts';

test('lines are put together from pieces', () => {
  const splitter = new LineSplitter();
  expect(splitter.push('BEG')).toEqual([]);
  expect(splitter.push('IN a\r\nEND a 1\nDO')).toEqual(['BEGIN a', 'END a 1']);
  expect(splitter.tail).toBe('DO');
});

test('terminal escapes do not hide a prompt', () => {
  const splitter = new LineSplitter();
  splitter.push('\x1b[1mroot\x1b[0m# \x1b[6n');
  expect(splitter.tail).toBe('root# ');
});
