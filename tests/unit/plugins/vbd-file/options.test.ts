import { describe, expect, it } from 'vitest';
import { fileDefaults, fileSchema } from '../../../../plugins/vbd-file/options.ts';
import { memoryDefaults, memorySchema } from '../../../../plugins/vbd-memory/options.ts';
import { resolveOptions } from '../../../../runtime/plugin/index.ts';

describe('options of VBD plugins', () => {
  it('have their defaults', () => {
    expect(resolveOptions('vbd-file', fileSchema, {})).toEqual(fileDefaults);
    expect(resolveOptions('vbd-memory', memorySchema, {})).toEqual(memoryDefaults);
  });

  it('are read from text', () => {
    expect(resolveOptions('vbd-file', fileSchema, { sectorBytes: '4096', discard: 'zero' })).toEqual({ sectorBytes: 4096, discard: 'zero' });
    expect(resolveOptions('vbd-memory', memorySchema, { limitMib: '16' })).toEqual({ limitMib: 16 });
  });

  it.each([{ sectorBytes: '1024' }, { sectorBytes: '' }, { discard: 'punch' }, { discard: '' }, { nothing: '1' }])('%o are refused', (written) => {
    expect(() => resolveOptions('vbd-file', fileSchema, written as Record<string, string>)).toThrow('plugin vbd-file');
  });
});
