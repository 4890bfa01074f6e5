import { expect, it } from 'vitest';
import { debianFiles } from '../support/debian-guest.ts';
import { stressNg } from '../support/debian-programs.ts';
import { KERNEL_COMPLAINT, runStress } from '../support/stress-guest.ts';

const SECONDS = 10;
const LIMIT_MS = 240_000;
const files = await debianFiles('amd64');
const programs = 'missing' in files ? files : await stressNg();

it.skipIf('missing' in files || 'missing' in programs)(
  'stress-ng on two vCPUs finds no fault, and the kernel has no complaint',
  async () => {
    if ('missing' in files || 'missing' in programs) return;
    const output = await runStress({ ...files, programs, vcpus: 2, seconds: SECONDS });
    expect(output.split('\n').filter((line) => KERNEL_COMPLAINT.test(line))).toEqual([]);
    expect(output).toMatch(/successful run completed[\s\S]*^status 0$/m);
    expect(output).not.toContain('the domain ended');
  },
  LIMIT_MS,
);
