import { describe, expect, it } from 'vitest';
import { choiceOf, parseCpu, parseExpectation, parseMemory, parseTimeout } from '../../../../runtime/control/option-values.ts';
import { describeError, exitCodeOf } from '../../../../runtime/control/report-error.ts';

describe('option values', () => {
  it.each([
    ['2', 2],
    ['0256', 256],
    ['3584', 3584],
  ])('--memory %s', (text, mib) => expect(parseMemory(text)).toBe(mib));
  it.each(['', '1', '3585', '1.5', '1e3', '0x10', ' 5', '-4'])('refuses --memory "%s"', (text) => expect(() => parseMemory(text)).toThrow('--memory'));
  it.each([
    ['1', 1],
    ['.5', 0.5],
    ['90.25', 90.25],
  ])('--timeout %s', (text, seconds) => expect(parseTimeout(text)).toBe(seconds));
  it.each(['', '0', '-1', '5s', 'Infinity', '1e9'])('refuses --timeout "%s"', (text) => expect(() => parseTimeout(text)).toThrow('--timeout'));

  it('--expect matches at the ends of lines', () => expect(parseExpectation('^b$').test('a\nb\nc')).toBe(true));
  it('--cpu finds a model', () => expect(parseCpu('core2').name).toBe('core2'));
  it('choices name what there is', () => expect(() => choiceOf('--x', ['a', 'b'])('c')).toThrow('--x: "c" is none of its values'));
});

describe('errors', () => {
  it('are one line with a hint and a code', () => {
    try {
      parseMemory('x');
    } catch (error) {
      expect(describeError(error)).toBe('--memory: "x" is no number of MiB; give a whole number from 2 to 3584, such as 256 (HV_ERR_CLI_OPTION)');
      expect(exitCodeOf(error)).toBe(2);
    }
  });

  it('that are defects say so', () => {
    expect(describeError(new TypeError('a\n  b'))).toMatch(/^internal error: a b; /);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
  });
});
