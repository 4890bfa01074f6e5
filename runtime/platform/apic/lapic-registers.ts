const LVT_TIMER_BITS = 0x7_00ff;
const LVT_LOCAL_BITS = 0x1_07ff;
const LVT_PIN_BITS = 0x1_a7ff;
const LVT_ERROR_BITS = 0x1_00ff;

/**
 * Numbers of the registers: the MMIO offset divided by 16, and also the MSR number above 800h
 * (SDM vol 3, table 11-1 and 11-6).
 */
export const lapicRegister = {
  id: 0x02,
  version: 0x03,
  tpr: 0x08,
  apr: 0x09,
  ppr: 0x0a,
  eoi: 0x0b,
  ldr: 0x0d,
  dfr: 0x0e,
  svr: 0x0f,
  isr: 0x10,
  tmr: 0x18,
  irr: 0x20,
  esr: 0x28,
  icrLow: 0x30,
  icrHigh: 0x31,
  lvtTimer: 0x32,
  lvtThermal: 0x33,
  lvtPerformance: 0x34,
  lvtLint0: 0x35,
  lvtLint1: 0x36,
  lvtError: 0x37,
  timerInitial: 0x38,
  timerCurrent: 0x39,
  timerDivide: 0x3e,
  selfIpi: 0x3f,
  /** All entries of the local vector table. */
  lvts: [0x32, 0x33, 0x34, 0x35, 0x36, 0x37],
  /** The bits of each entry that a guest can set. */
  lvtBits: new Map([
    [0x32, LVT_TIMER_BITS],
    [0x33, LVT_LOCAL_BITS],
    [0x34, LVT_LOCAL_BITS],
    [0x35, LVT_PIN_BITS],
    [0x36, LVT_PIN_BITS],
    [0x37, LVT_ERROR_BITS],
  ]),
} as const;

const bitmaps = Array.from({ length: 24 }, (_, index) => lapicRegister.isr + index);

/** The registers that RDMSR can read in x2APIC mode. */
export const x2apicReadable: ReadonlySet<number> = new Set([
  0x02,
  0x03,
  0x08,
  0x0a,
  0x0d,
  0x0f,
  ...bitmaps,
  0x28,
  0x30,
  ...lapicRegister.lvts,
  0x38,
  0x39,
  0x3e,
]);

/** The registers that WRMSR can write in x2APIC mode, each with the bits that may be set. */
export const x2apicWritable: ReadonlyMap<number, number> = new Map([
  [0x08, 0xff],
  [0x0b, 0],
  [0x0f, 0x1ff],
  [0x28, 0],
  [0x30, 0xc_cfff],
  ...lapicRegister.lvtBits,
  [0x38, 0xffff_ffff],
  [0x3e, 0x0b],
  [0x3f, 0xff],
]);
