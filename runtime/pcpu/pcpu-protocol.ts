import type { MessagePort } from 'node:worker_threads';
import type { PackedRequests } from '#jit';
import type { InterpreterIndex } from '#jit/interpreter';
import type { StoreChannel } from '../domain/build-domain.ts';
import type { DomainHandle, DomainView } from '../domain/domain-state.ts';
import type { BootState } from '../loader/index.ts';
import type { CpuModel } from '../machine/cpu-models.ts';
import type { PluginRequest } from '../plugin/index.ts';
import type { PlainError } from './plain-error.ts';
import type { RunStats } from './run-stats.ts';
import type { ClockSource, Engine, RunEnd } from './slice-protocol.ts';

/** What a pCPU's thread is started with. */
export interface PcpuStart {
  /** Its number. */
  readonly pcpu: number;
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly plugins: readonly PluginRequest[];
  /** Where relative paths of plugins and their files start. */
  readonly directory: string;
  /** Memory of its {@link PcpuMailbox}. */
  readonly mailbox: SharedArrayBuffer;
  /** Memory of the doorbells of all pCPUs. */
  readonly doorbells: readonly SharedArrayBuffer[];
  /** For {@link PcpuCommand} and {@link PcpuReport}. */
  readonly port: MessagePort;
}

/** A domain as threads that do not run it know it. */
export interface PeerDomain {
  readonly handle: DomainView;
  /** Memory of its {@link DomainBoard}. */
  readonly board: SharedArrayBuffer;
}

/** All that a pCPU needs to run vCPUs of a domain. What a domain has once, such as its devices of plugins, is with vCPU 0. */
export interface HostedDomainConfig extends PeerDomain {
  readonly handle: DomainHandle;
  /** Memory of the vCPUs while they run nowhere. */
  readonly records: SharedArrayBuffer;
  readonly uuid: Uint8Array;
  readonly boot: BootState;
  readonly consolePort: number;
  readonly store: StoreChannel;
  /** When its time was 0, by the host's clock and by the calendar. */
  readonly startNs: number;
  readonly startTimeNs: bigint;
  readonly engine: Engine;
  readonly clock: ClockSource;
  readonly cpu: CpuModel;
  /** File for a trace. */
  readonly trace?: string;
  /** Memory of the {@link ByteRing} for output that does not come by the console's ring, and its told word. */
  readonly output: SharedArrayBuffer;
  readonly outputTold: SharedArrayBuffer;
  /** Whether the vCPU waits for room there; else bytes are dropped. */
  readonly outputWaits: boolean;
  /** To a translator thread. */
  readonly translator?: MessagePort;
  /** Regions of earlier runs, when what this one finds is kept. */
  readonly known?: PackedRequests;
}

/** What the main thread tells a pCPU. */
export type PcpuCommand =
  /** It may be ordered to run vCPUs of this domain. */
  | { readonly kind: 'host'; readonly config: HostedDomainConfig }
  /** There is another domain that this pCPU's guests may bind to. */
  | { readonly kind: 'peer'; readonly peer: PeerDomain }
  /** A domain is gone; answered by `forgotten`. */
  | { readonly kind: 'forget'; readonly domid: number }
  /** A plugin is to tap this pCPU's hooks as well, or no longer. */
  | { readonly kind: 'load'; readonly plugin: PluginRequest }
  | { readonly kind: 'unload'; readonly plugin: string }
  /** Each visit of a vCPU to guest code is to be told, or no longer. */
  | { readonly kind: 'trace'; readonly on: boolean }
  /** Answered by `synced`: everything that was ordered before is in force. */
  | { readonly kind: 'sync'; readonly id: number };

/** What a pCPU tells the main thread. */
export type PcpuReport =
  /** Its plugins are loaded; it takes orders. */
  | { readonly kind: 'ready' }
  /** The time of an order is over. It goes on with it until there is another. */
  | { readonly kind: 'expired'; readonly sequence: number }
  /** The vCPU that it was ordered to run waits for something. */
  | { readonly kind: 'blocked'; readonly domid: number; readonly vcpu: number; readonly sequence: number }
  /** The vCPU that it was ordered to run would let others go first; once for each order. */
  | { readonly kind: 'yielded'; readonly domid: number; readonly vcpu: number; readonly sequence: number }
  /** What a vCPU waited for has come. */
  | { readonly kind: 'woken'; readonly domid: number; readonly vcpu: number }
  /** A domain signalled ports: they stand on its board. */
  | { readonly kind: 'signals'; readonly domid: number }
  /** There is output in a domain's ring. */
  | { readonly kind: 'output'; readonly domid: number }
  /** What devices of plugins write to the standard error. */
  | { readonly kind: 'stderr'; readonly bytes: Uint8Array }
  /** A vCPU has ended its domain. It stays as it is until the domain is forgotten. */
  | { readonly kind: 'ended'; readonly domid: number; readonly end: DomainEnding }
  | { readonly kind: 'forgotten'; readonly domid: number; readonly stats?: RunStats; readonly known?: PackedRequests }
  | { readonly kind: 'synced'; readonly id: number }
  /** Visits of vCPUs to guest code, as `RunTrace` packs them. */
  | { readonly kind: 'runs'; readonly runs: Float64Array }
  /** A plugin was disabled. */
  | { readonly kind: 'plugin-failed'; readonly error: PlainError };

/** How a domain ended by itself. */
export interface DomainEnding extends Omit<RunEnd, 'kind' | 'pluginFailed'> {
  readonly kind: 'poweroff' | 'reboot' | 'crash' | 'watchdog' | 'triple-fault' | 'dead-halt' | 'exit' | 'failed';
}
