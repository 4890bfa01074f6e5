/** Cases that are judged together by the geometric mean of their ratios. */
export interface CaseGroup {
  readonly name: string;
  readonly title: string;
  /** Upper bounds for our time over a peer's, by the peer's name; a peer without one has no bound. */
  readonly goals: Readonly<Record<string, number>>;
}

/** Cases of the bare-metal image that run in one boot. */
export interface GuestGroup extends CaseGroup {
  /** Case names with the checksum that each must print. */
  readonly checksums: Readonly<Record<string, string>>;
}

/** Groups of the bare-metal image; names and order as in `guests/`. */
export const GUEST_GROUPS: readonly GuestGroup[] = [
  {
    name: 'integer',
    title: 'Integer hot loops',
    goals: { v86: 0.33, qemu: 0.8, native: 2 },
    checksums: {
      alu: '8d0f10d3',
      sieve: '000132a2',
      imatmul: '59516e41',
      bits: 'f2441661',
      sha256: 'dd6bcacc',
      crc32: 'c97a51f3',
    },
  },
  {
    name: 'floating-point',
    title: 'x87 and SSE floating point',
    goals: { v86: 0.3, qemu: 0.3, native: 3 },
    checksums: {
      'x87-matmul': '6c487468',
      'x87-div': '20d45251',
      'sse-scalar': 'f95fff7f',
      'sse-packed-double': 'f95fff7f',
      'sse-packed-float': '715b7613',
    },
  },
  {
    name: 'calls',
    title: 'Bytecode interpreter, sorting by pointer, calls',
    goals: { v86: 0.6, qemu: 0.7, native: 5 },
    checksums: { bytecode: 'dfcbc1a0', qsort: '4c82c630', fib: '008cccc9', indirect: 'a1765d64' },
  },
  {
    name: 'memory',
    title: 'Memory and strings',
    goals: {},
    checksums: { chase: 'd701f7e1', 'rep-movs': '8249ec39', strings: '381bcc11' },
  },
  {
    name: 'system',
    title: 'System: self-modifying code, traps, address spaces, ports',
    goals: {},
    checksums: { smc: '8d7810bd', trap: '5f7dbe21', cr3: '03bf0645', 'port-io': 'e9a49505' },
  },
];

/** What Linux jobs measure: the boot, and the commands typed at the shell. */
export const LINUX_GROUPS: Readonly<Record<'boot' | 'shell', CaseGroup>> = {
  boot: { name: 'boot', title: 'Boot Debian to init', goals: { v86: 0.6, qemu: 1 } },
  shell: { name: 'shell', title: 'Linux user land', goals: { v86: 0.5, qemu: 1.5 } },
};

/** All groups in the order of the report. */
export const REPORT_GROUPS: readonly CaseGroup[] = [...GUEST_GROUPS, ...Object.values(LINUX_GROUPS)];
