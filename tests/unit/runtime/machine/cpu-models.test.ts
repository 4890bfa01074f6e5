import { describe, expect, it } from 'vitest';
import { TABLE_FEATURES } from '#jit';
import { cpuModels } from '../../../../runtime/machine/cpu-models.ts';
import { Cpuid } from '../../../../runtime/machine/cpuid.ts';

function cpuidOf(name: string): Cpuid {
  const model = cpuModels.get(name);
  if (model === undefined) throw new Error(`no model ${name}`);
  return new Cpuid({ features: TABLE_FEATURES, model, tscHz: 1e9, apicId: 0, processors: 1, osxsave: () => false });
}
const plain = new Cpuid({ features: TABLE_FEATURES, tscHz: 1e9, apicId: 0, processors: 1, osxsave: () => false });

describe('CPU models', () => {
  it('max is everything there is', () => {
    const max = cpuidOf('max');
    for (const leaf of [0, 1, 7, 0xb, 0xd, 0x16, 0x80000000, 0x80000001, 0x80000008, 0x40000000]) expect(max.leaf(leaf, 0)).toEqual(plain.leaf(leaf, 0));
  });

  it('never show a feature that Xylem has not', () => {
    for (const name of cpuModels.keys()) {
      const cpuid = cpuidOf(name);
      for (const leaf of [1, 0x80000001]) {
        const [, , c, d] = cpuid.leaf(leaf, 0);
        const [, , allC, allD] = plain.leaf(leaf, 0);
        if (leaf === 1 || (cpuid.leaf(0x80000000, 0)[0] ?? 0) >= leaf) expect([c & ~allC, d & ~allD], name).toEqual([0, 0]);
      }
    }
  });

  it('pentium3 is a 32-bit CPU with SSE and without SSE2', () => {
    const cpuid = cpuidOf('pentium3');
    expect(cpuid.leaf(1, 0)[3] & 0x06000000).toBe(0x02000000);
    expect(cpuid.leaf(0x80000000, 0)[0]).toBe(0);
  });

  it('a leaf that a model has not answers as its highest one', () => {
    const cpuid = cpuidOf('i486');
    expect(cpuid.leaf(7, 0)).toEqual(cpuid.leaf(1, 0));
  });
});
