export { Pcpu, type PcpuListener, type PcpuRequest } from './pcpu.ts';
export { fromPlainError, type PlainError, toPlainError } from './plain-error.ts';
export type { RunStats } from './run-stats.ts';
export type { ClockSource, Engine, MachineConfig, MachineKind, RunEnd } from './slice-protocol.ts';
