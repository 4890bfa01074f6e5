import { expect, test } from 'vitest';
import { parseCases, timeOfLine } from '../../../benchmarks/measure/parse-cases.ts';

const lines = (...texts: string[]) => texts.map((text, i) => ({ text, atMs: i * 10 }));

test('times are taken from BEGIN to END of the same name', () => {
  const { finished, unfinished } = parseCases(lines('noise', 'BEGIN alu', 'more noise', 'END alu 1a2b', 'DONE'));
  expect(finished).toEqual([{ name: 'alu', ms: 20, checksum: '1a2b' }]);
  expect(unfinished).toBeNull();
});

test('a case without END is unfinished', () => {
  const parsed = parseCases(lines('BEGIN alu', 'END alu 1', 'BEGIN smc', 'FAULT vector'));
  expect(parsed.finished.map(({ name }) => name)).toEqual(['alu']);
  expect(parsed.unfinished).toBe('smc');
});

test('an END of another name, or without checksum, or echoed by a terminal is ignored', () => {
  expect(parseCases(lines('BEGIN a', 'END b 1', 'END a', '# END a 1')).finished).toEqual([]);
  expect(parseCases(lines('# echo BEGIN a', 'END a 1')).finished).toEqual([]);
});

test('the time of a line goes by how it starts', () => {
  expect(timeOfLine(lines('x', 'ready: now'), 'ready')).toBe(10);
  expect(timeOfLine(lines('x'), 'ready')).toBeNull();
});
