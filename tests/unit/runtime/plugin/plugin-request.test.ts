import { describe, expect, it } from 'vitest';
import { booleanOption, integerOption, type OptionSchema, textOption } from '#sdk';
import { parsePluginRequest, resolveOptions } from '../../../../runtime/plugin/index.ts';

interface Options {
  readonly port: number;
  readonly file: string | null;
  readonly loud: boolean;
}
const schema: OptionSchema<Options> = {
  port: integerOption({ summary: 'port', default: 7, min: 0, max: 0xffff }),
  file: textOption({ summary: 'file', expected: 'a path' }),
  loud: booleanOption({ summary: 'loud', default: false }),
};
const code = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
};

describe('parsePluginRequest', () => {
  it.each([
    ['name', { name: 'name', options: {} }],
    ['name,a=1,b=x=y', { name: 'name', options: { a: '1', b: 'x=y' } }],
    ['name,flag', { name: 'name', options: { flag: 'true' } }],
    ['name,file=a,,b,c=', { name: 'name', options: { file: 'a,b', c: '' } }],
    ['./a,,b.ts', { name: './a,b.ts', options: {} }],
  ])('reads %s', (text, expected) => expect(parsePluginRequest(text)).toEqual(expected));

  it.each(['', ',a=1', 'name,', 'name,=1', 'name,a=1,a=2'])('refuses "%s"', (text) =>
    expect(code(() => parsePluginRequest(text))).toBe('HV_ERR_PLUGIN_OPTION'),
  );
});

describe('resolveOptions', () => {
  it('gives the defaults for what is not said', () => {
    expect(resolveOptions('p', schema, {})).toEqual({ port: 7, file: null, loud: false });
  });

  it('reads decimal and hex numbers, texts and booleans', () => {
    expect(resolveOptions('p', schema, { port: '0xF4', file: 'x', loud: 'true' })).toEqual({ port: 0xf4, file: 'x', loud: true });
  });

  it.each([{ port: '-1' }, { port: '65536' }, { port: '1e3' }, { port: '' }, { file: '' }, { loud: 'yes' }, { other: '1' }])('refuses %o', (written) =>
    expect(code(() => resolveOptions('p', schema, written))).toBe('HV_ERR_PLUGIN_OPTION'),
  );
});
