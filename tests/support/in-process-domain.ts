import type { InterpreterIndex } from '../../jit/interp/load-interpreter.ts';
import { DomainState } from '../../runtime/domain/domain-state.ts';
import { DomainStore, type StoreLink } from '../../runtime/domain/domain-store.ts';
import { pvhLayout } from '../../runtime/domain/pvh-layout.ts';
import { PvhMachine } from '../../runtime/domain/pvh-machine.ts';
import type { PvhMachineOptions } from '../../runtime/domain/pvh-machine-options.ts';
import type { HypercallObserver } from '../../runtime/hypercall/dispatch.ts';
import { Doorbell } from '../../runtime/pcpu/doorbell.ts';
import { type LoopEnd, runSlices } from '../../runtime/pcpu/slice-loop.ts';

/** What a test boots. */
export interface InProcessGuest extends Pick<PvhMachineOptions, 'kernel' | 'ramdisk' | 'commandLine'> {
  readonly interpreter: { readonly module: WebAssembly.Module; readonly index: InterpreterIndex };
  readonly memoryMib: number;
  readonly onHypercall: HypercallObserver;
  /** Is shown all output so far after each byte; true ends the run. */
  readonly until: (output: string) => boolean;
}

/** Runs a PVH domain with its XenStore on this thread, which so sees every hypercall in order. */
export function runInProcess(guest: InProcessGuest): { readonly end: LoopEnd; readonly output: string } {
  const { interpreter, memoryMib, until, ...rest } = guest;
  const doorbell = new Doorbell(Doorbell.allocate());
  const store = new DomainStore();
  let link: StoreLink | undefined;
  let output = '';
  const machine = new PvhMachine({
    ...rest,
    ...interpreter,
    memoryBytes: memoryMib << 20,
    clock: 'instructions',
    kernelName: 'vmlinuz',
    consoleWrite: (byte) => {
      output += String.fromCharCode(byte);
      if (until(output)) doorbell.requestStop();
    },
    signal: (port) => {
      if (port !== link?.port) return;
      link.signalled();
      store.store.flush();
      link.signalled();
    },
  });
  const { handle, store: channel, consolePort } = machine;
  const peers = { find: () => undefined, signal: () => undefined, closed: () => undefined };
  const state = new DomainState(handle, { kick: () => doorbell.ring(), peers });
  link = store.connect(state, { store: channel, consolePort, consoleGfn: pvhLayout.consoleGfn, name: 'test', uuid: '00000000-0000-0000-0000-000000000000' });
  try {
    const end = runSlices(
      {
        slice: (instructions) => machine.slice(instructions),
        executed: () => machine.core.executed,
        exchange: () => undefined,
        wakes: () => machine.wakes,
        interruptible: () => machine.interruptible,
        nextDeadline: () => machine.timers.nextDeadline(),
        clock: machine.clock,
      },
      doorbell,
      { slice: () => undefined, waited: () => undefined },
    );
    return { end, output };
  } finally {
    link.disconnect();
    store.close();
  }
}
