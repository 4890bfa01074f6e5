import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { InterpreterIndex } from '../../jit/interp/generate-interpreter.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { Board } from '../../jit/vcpu/board.ts';
import type { StoreChannel } from '../../runtime/domain/build-domain.ts';
import type { DomainHandle } from '../../runtime/domain/domain-state.ts';
import { PvhMachine } from '../../runtime/domain/pvh-machine.ts';
import type { BootState } from '../../runtime/loader/index.ts';
import { hostClock } from '../../runtime/machine/clock.ts';
import { Translation } from '../../runtime/machine/translation.ts';
import { Doorbell } from '../../runtime/pcpu/doorbell.ts';

/** One vCPU of a domain that another thread has built. */
export interface SmpVcpuTask {
  readonly module: WebAssembly.Module;
  readonly index: InterpreterIndex;
  readonly handle: DomainHandle;
  readonly boot: BootState;
  readonly consolePort: number;
  readonly store: StoreChannel;
  readonly startNs: number;
  readonly vcpu: number;
  readonly doorbells: readonly SharedArrayBuffer[];
  readonly translator: MessagePort | null;
}

/** What the worker tells. */
export type SmpVcpuReport =
  | { readonly kind: 'signal'; readonly port: number }
  | { readonly kind: 'end'; readonly how: string; readonly rip: string; readonly executed: number; readonly cpuMs: number };

const BUDGET = 100_000;
const task = workerData as SmpVcpuTask;
const doorbells = task.doorbells.map((memory) => new Doorbell(memory));
const doorbell = doorbells[task.vcpu] as Doorbell;
const board = new Board(task.handle.board);
const tell = (report: SmpVcpuReport): void => parentPort?.postMessage(report);
const machine = new PvhMachine({
  module: task.module,
  index: task.index,
  memoryBytes: task.handle.ramBytes,
  clock: 'host',
  kernel: new Uint8Array(),
  kernelName: '',
  commandLine: '',
  consoleWrite: () => undefined,
  built: {
    handle: task.handle,
    boot: task.boot,
    console: { port: task.consolePort },
    store: task.store,
    clock: hostClock(task.startNs),
    startNs: 1_700_000_000_000_000_000n,
    peers: { find: () => undefined, closed: () => undefined, signal: (port) => tell({ kind: 'signal', port }) },
    vcpu: task.vcpu,
    kick: (vcpu) => {
      board.kick(vcpu);
      doorbells[vcpu]?.ring();
    },
  },
});
const translation = task.translator === null ? null : new Translation(machine.core, task.index, { kind: 'background', port: task.translator });
const cpu = process.threadCpuUsage();
let how: string = 'stopped';
try {
  while (!doorbell.stopRequested) {
    const { sequence } = doorbell;
    translation?.betweenSlices();
    const end = machine.slice(BUDGET);
    if (end === 'budget') continue;
    if (end !== 'halt') {
      how = end;
      break;
    }
    if (machine.attend()) continue;
    const deadline = machine.timers.nextDeadline();
    doorbell.wait(sequence, deadline === null ? Number.POSITIVE_INFINITY : Math.max(0, (deadline - machine.clock.now()) / 1e6));
  }
} catch (error) {
  how = `threw ${(error as Error).stack}`;
}
const used = process.threadCpuUsage(cpu);
const view = machine.core.view;
tell({
  kind: 'end',
  how,
  rip: view.getBigUint64(L.RIP, true).toString(16),
  executed: machine.core.executed,
  cpuMs: (used.user + used.system) / 1000,
});
task.translator?.close();
