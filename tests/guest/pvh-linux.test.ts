import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Hypercall } from '#sdk';
import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { debianFiles } from '../support/debian-guest.ts';
import { runInProcess } from '../support/in-process-domain.ts';
import { runXm, Scratch } from '../support/xm.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const SET_SINGLESHOT = 8;
const SEND = 4;

/**
 * The control hypercalls of Debian's kernels as PVH domains, in order, as a real Xen 4.17 recorded them: number and
 * sub-operation in hex. Left out there and here are console_io, singleshot timers and sent events.
 */
const RECORDED = {
  amd64:
    '17.6 12.7 34.9 17.0 17.1 24.a 32.b 34.17 34.0 34.1 34.1 24.7 24.5 32.1 32.c 32.d 24.9 24.7 24.7 21.0 32.7 32.7 32.7 20.6 20.6 20.8 20.6 20.6 12.7 34.1 34.1 32.8 32.9 32.8 32.9',
  i386: '17.6 12.7 34.9 17.0 17.1 24.a 32.b 34.17 34.0 34.1 34.1 24.7 24.5 32.1 32.c 32.d 24.9 24.7 24.7 21.0 32.7 32.7 32.7 20.6 20.6 12.1 20.8 20.6 20.6 12.7 34.1 34.1 32.8 32.9 32.8 32.9',
} as const;

/** What differs, and why. */
function expectedHere(recorded: string): string[] {
  return (
    recorded
      // CPUID offers no upcall vector per vCPU, since one for all needs no end of interrupt: it is not asked for.
      .replace('34.17 ', '')
      // The time information says that the TSC is stable, so Linux registers it for its vDSO.
      .replace('24.7 24.5', '24.7 24.d 24.5')
      .split(' ')
  );
}

describe.each(['amd64', 'i386'] as const)('Debian %s as a PVH domain', async (flavour) => {
  const files = await debianFiles(flavour);

  it.skipIf('missing' in files)('makes the hypercalls that it makes on Xen, in the same order, and all succeed', async () => {
    if ('missing' in files) return;
    const calls: string[] = [];
    const failed: string[] = [];
    const { end, output } = runInProcess({
      interpreter: await loadInterpreter(),
      memoryMib: 160,
      kernel: new Uint8Array(readFileSync(files.kernel)),
      ramdisk: buildInitramfs({ busybox: readFileSync(files.busybox) }),
      commandLine: 'console=hvc0 quiet mitigations=off',
      until: (text) => text.endsWith('root@xylem:~# '),
      onHypercall: (call, result) => {
        const command = call.arg(0);
        const isFrequent =
          (call.number === Hypercall.vcpu_op && command === SET_SINGLESHOT) || (call.number === Hypercall.event_channel_op && command === SEND);
        if (call.number === Hypercall.console_io || isFrequent) return;
        calls.push(`${call.number}.${command.toString(16)}`);
        if (result < 0) failed.push(calls.at(-1) ?? '');
      },
    });
    expect(end).toBe('stopped');
    expect(output).toContain('xylem: ready');
    expect(output).not.toMatch(/Oops|BUG:|WARNING:|panic/);
    expect(calls).toEqual(expectedHere(RECORDED[flavour]));
    // HVMOP_pagetable_dying: Linux takes the refusal and never asks again.
    expect(failed).toEqual(['34.9']);
  });

  it.skipIf('missing' in files)('has its console, clock and XenStore, takes what is typed, and powers off with code 0', async () => {
    if ('missing' in files) return;
    const ramdisk = join(scratch.path, `${flavour}-initrd`);
    const init = [
      'if [ ! -e /proc/cmdline ]; then mount -t proc proc /proc; fi',
      'cat /sys/devices/system/clocksource/clocksource0/current_clocksource /sys/hypervisor/type',
      "grep -c 'timer0\\|xenbus\\|hvc_console' /proc/interrupts",
      'sleep 1; echo slept',
      'poweroff',
    ].join('\n');
    const script = { path: 'script', kind: 'file' as const, mode: 0o755, data: Buffer.from(init) };
    writeFileSync(ramdisk, buildInitramfs({ busybox: readFileSync(files.busybox), files: [script] }));
    const words = ['run', '--machine', 'pvh', '--kernel', files.kernel, '--ramdisk', ramdisk, '--memory', '160', '--timeout', '300'];
    const { exitCode, stdout, stderr } = await runXm([...words, '--extra', 'console=hvc0 quiet mitigations=off'], { input: 'sh /script\n' });
    expect(stdout.replaceAll('\r', '')).toMatch(/xen\nxen\n3\nslept\n/);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});
