import { LINUX_GROUPS } from '../cases.ts';
import { LINUX_STEPS } from '../linux-steps.ts';
import type { Architecture } from '../peers/job.ts';
import type { LinuxGuest } from './linux-guest.ts';
import type { PlannedCase, PlannedJob, PlanRequest } from './plan.ts';

/** The name of the case that ends with the guest's ready line. */
export const BOOT_CASE = 'boot';

/** The cases of a Linux job that are chosen; a job without any need not fetch its guest. */
export function linuxCases(architecture: Architecture, only: RegExp): PlannedCase[] {
  const names = [
    { name: BOOT_CASE, group: LINUX_GROUPS.boot.name, checksum: null },
    ...LINUX_STEPS.map(({ name }) => ({ name, group: LINUX_GROUPS.shell.name, checksum: '0' })),
  ];
  return names.map((one) => ({ ...one, id: `${architecture}/${one.name}` })).filter(({ id }) => only.test(id));
}

/** The Linux job on a guest that has been fetched. */
export function planLinuxJob(guest: LinuxGuest, request: PlanRequest): PlannedJob {
  const { architecture, kernel, ramdisk, readyLine } = guest;
  return {
    id: `${architecture}/linux`,
    architecture,
    cases: linuxCases(architecture, request.only),
    job: (cases) => ({
      kind: 'linux',
      architecture,
      kernel,
      ramdisk,
      readyLine,
      // where the kernel lies makes no difference to anybody but to a cache of translated code
      commandLine: 'console=ttyS0 nokaslr',
      memoryMib: 256,
      // Steps build on each other's files, so that all up to the last chosen one run.
      steps: LINUX_STEPS.slice(0, 1 + LINUX_STEPS.findLastIndex((step) => cases.some(({ name }) => name === step.name))),
      silenceMs: request.silenceMs,
    }),
  };
}
