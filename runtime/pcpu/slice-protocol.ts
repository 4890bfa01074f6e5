import type { MessagePort } from 'node:worker_threads';
import type { PackedRequests } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import type { CpuModel } from '../machine/cpu-models.ts';
import type { PluginRequest } from '../plugin/index.ts';
import type { PlainError } from './plain-error.ts';
import type { RunStats } from './run-stats.ts';

/** Which tiers run the guest's code. */
export type Engine = 'auto' | 'interpreter' | 'translator';

/** Where guest time comes from. */
export type ClockSource = 'host' | 'instructions';

/** What surrounds the vCPU: a PC, or a Xen domain. */
export type MachineKind = 'pc' | 'pvh';

/** The PC that a pCPU is to build; plain data, so that it can be sent. */
export interface MachineConfig {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly memoryBytes: number;
  readonly engine: Engine;
  readonly clock: ClockSource;
  readonly cpu: CpuModel;
  readonly kernel: Uint8Array;
  readonly kernelName: string;
  readonly ramdisk?: Uint8Array;
  readonly firmware?: Uint8Array;
  readonly commandLine: string;
}

/** What is sent to a pCPU's thread, once. */
export interface PcpuTask {
  readonly machine: MachineConfig;
  readonly plugins: readonly PluginRequest[];
  /** Where relative paths of plugins and their files start. */
  readonly directory: string;
  /** File for the trace. */
  readonly trace?: string;
  /** Memory of the {@link Doorbell}. */
  readonly doorbell: SharedArrayBuffer;
  /** Memory of the {@link ByteRing} of the guest's output. */
  readonly output: SharedArrayBuffer;
  /** Memory of the {@link ByteRing} of the guest's input. */
  readonly input: SharedArrayBuffer;
  /** A word that is 1 from the moment that the main thread was told of output until it looks. */
  readonly outputTold: SharedArrayBuffer;
  /** For {@link PcpuMessage}. */
  readonly port: MessagePort;
  /** To the translator thread; missing when nothing is translated in the background. */
  readonly translator?: MessagePort;
  /** Regions of earlier runs of the guest; missing when this run's are not to be kept either. */
  readonly known?: PackedRequests;
}

/** What a pCPU's thread tells the main thread. */
export type PcpuMessage =
  | { readonly kind: 'booted' }
  | { readonly kind: 'output' }
  | { readonly kind: 'restarted' }
  | { readonly kind: 'stderr'; readonly bytes: Uint8Array }
  | { readonly kind: 'plugin-failed'; readonly error: PlainError };

/** Why a run ended. */
export type RunEndKind = 'power-off' | 'stopped' | 'exit' | 'triple-fault' | 'dead-halt' | 'crashed' | 'failed';

/** How a run ended, which is what the long-running task returns. */
export interface RunEnd {
  readonly kind: RunEndKind;
  /** Of `exit`: what the device asked for. */
  readonly exitCode?: number;
  /** Of `failed`. */
  readonly error?: PlainError;
  /** Of `triple-fault`, `dead-halt` and `crashed`: the lines for the operator. */
  readonly report?: readonly string[];
  /** Whether a plugin was disabled on the way. */
  readonly pluginFailed: boolean;
  /** Missing when no machine could be built. */
  readonly stats?: RunStats;
  /** What the next run of the guest should know; missing when the task had no `known`. */
  readonly known?: PackedRequests;
}
