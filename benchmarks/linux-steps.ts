import type { LinuxStep } from './peers/job.ts';

/** Shell commands timed in Linux; the first also silences the kernel, which would print into the markers. */
export const LINUX_STEPS: readonly LinuxStep[] = [
  {
    name: 'fork-exec',
    command: 'dmesg -n 1; i=0; while [ $i -lt 200 ]; do /bin/busybox true; i=$((i+1)); done',
  },
  { name: 'find', command: 'find /sys /proc >/tmp/found 2>/dev/null; true' },
  { name: 'shell-loop', command: 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done' },
  {
    name: 'sha1',
    command: 'head -c 16000000 /dev/zero | sha1sum | grep -q cc53b111e06017c72c3b46c7453c5dd1df590779',
  },
  { name: 'gzip', command: 'gzip -c /bin/busybox | gzip -dc | cmp - /bin/busybox' },
];
