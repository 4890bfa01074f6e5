import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const DEMO = join(import.meta.dirname, '../../runtime/control/demo/schedulers.ts');

describe('the demo of the schedulers', () => {
  it('shows each of them share a pCPU by weight, when nobody is at a terminal', () => {
    const shown = execFileSync(process.execPath, ['--no-wasm-inlining', '--conditions=source', DEMO], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect([...shown.matchAll(/^scheduler (\w+)/gm)].map(([, name]) => name)).toEqual(['sedf', 'bvt', 'credit']);
    const shares = [...shown.matchAll(/\] +([\d.]+) %/g)].map(([, share]) => Number(share));
    expect(shares).toHaveLength(12);
    // Loosely, since the host may be busy: in each group of four the heaviest has the most, and more than twice the lightest.
    for (const group of [shares.slice(0, 4), shares.slice(4, 8), shares.slice(8)]) {
      expect(group[3]).toBe(Math.max(...group));
      expect((group[3] ?? 0) / (group[0] ?? 1)).toBeGreaterThan(2);
    }
  });
});
