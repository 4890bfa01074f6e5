import { describe, expect, it } from 'vitest';
import { manualText } from '../../jit/isa/generate/manual-text.ts';
import { TABLE } from '../../jit/isa/table/index.ts';

describe('the instruction table', () => {
  it('gives every row an id of its own', () => {
    const ids = TABLE.map((row) => row.id);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  it('gives every row a text that the manual could print', () => {
    for (const row of TABLE) expect(manualText(row)).toMatch(/^[A-Z][A-Z0-9]*( [A-Z][A-Z0-9]*)*( [A-Za-z0-9/():]+(, [A-Za-z0-9/():]+)*)?$/);
  });

  it('gives every row a feature, in lower case', () => {
    expect(TABLE.filter((row) => !/^[a-z0-9]+$/.test(row.feature)).map((row) => row.id)).toEqual([]);
  });
});
