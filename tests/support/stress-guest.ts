import { readFileSync } from 'node:fs';
import { createHypervisor } from '#runtime';
import { buildInitramfs, type CpioEntry } from '../../runtime/image/index.ts';

/** A run of stress-ng in Debian amd64. */
export interface StressRun {
  readonly kernel: string;
  readonly busybox: string;
  readonly programs: readonly CpioEntry[];
  readonly vcpus: number;
  readonly seconds: number;
  /** pCPUs of the host; as many as the host has when left out. */
  readonly pcpus?: number;
  readonly onOutput?: (text: string) => void;
}

/** What kernels say when vCPUs, clocks or memory do not behave. */
export const KERNEL_COMPLAINT =
  /BUG:|WARNING:|Oops|Call Trace|rcu: INFO|\bstalls? |soft lockup|hung task|TSC warp|[Uu]nstable|clocksource: .*skewed|general protection|segfault/;
const MEMORY_MIB = 512;

/** Boots, lets stress-ng compute, fork, fight over futexes and map memory, all at once, and powers off; all that was written. */
export async function runStress({ kernel, busybox, programs, vcpus, seconds, pcpus, onOutput }: StressRun): Promise<string> {
  await using hypervisor = await createHypervisor(pcpus === undefined ? {} : { pcpus });
  const each = `${vcpus}`;
  const stressors = `--cpu ${each} --fork ${each} --futex ${each} --vm ${each} --vm-bytes 48M`;
  const script = `cat /sys/devices/system/clocksource/clocksource0/current_clocksource
stress-ng ${stressors} --verify --metrics-brief --timeout ${seconds}s --temp-path /tmp 2>&1
echo "status $?"; nproc; grep '^cpu[0-9]' /proc/stat; dmesg | tail -n 5; poweroff
`;
  const ramdisk = buildInitramfs({
    busybox: readFileSync(busybox),
    files: [...programs, { kind: 'file', path: 'script', mode: 0o755, data: new TextEncoder().encode(script) }],
  });
  const domain = await hypervisor.createDomain({
    name: 'stress',
    kernel,
    ramdisk,
    memory: MEMORY_MIB,
    vcpus,
    extra: 'console=hvc0 mitigations=off',
  });
  let output = '';
  let isTold = false;
  domain.console.on('data', (bytes: Buffer) => {
    const text = bytes.toString('latin1').replaceAll('\r', '');
    output += text;
    onOutput?.(text);
    if (isTold || !/:~# (\x1b\[6n)?$/.test(output)) return;
    isTold = true;
    domain.console.write('sh /script\n');
  });
  const { reason, report } = await domain.ended;
  return reason === 'poweroff' ? output : `${output}\nthe domain ended: ${reason}\n${report?.join('\n') ?? ''}`;
}
