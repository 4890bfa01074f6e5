import { MessageChannel, Worker } from 'node:worker_threads';
import type { LoadedInterpreter } from '../../jit/interp/load-interpreter.ts';
import { Board } from '../../jit/vcpu/board.ts';
import { allocateDomain, buildDomain, type DomainImage } from '../../runtime/domain/build-domain.ts';
import { ConsoleRing } from '../../runtime/domain/console-ring.ts';
import { DomainStore } from '../../runtime/domain/domain-store.ts';
import { pvhLayout } from '../../runtime/domain/pvh-layout.ts';
import { hostNow } from '../../runtime/machine/clock.ts';
import { Doorbell } from '../../runtime/pcpu/doorbell.ts';
import type { SmpVcpuReport, SmpVcpuTask } from './smp-vcpu-worker.ts';

/** What such a domain is made of. */
export interface SmpDomainOptions extends DomainImage {
  readonly interpreter: LoadedInterpreter;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly isTranslated: boolean;
  /** Shown all output after each piece of it. */
  readonly onOutput: (text: string, domain: SmpDomain) => void;
}

type End = Extract<SmpVcpuReport, { kind: 'end' }>;
const MIB = 1 << 20;

/** A PVH domain whose vCPUs run on a thread each, with console and XenStore on this one. */
export class SmpDomain {
  /** All that the guest has written. */
  output = '';
  readonly ends: Promise<End[]>;
  readonly #doorbells: Doorbell[];
  readonly #console: ConsoleRing;
  readonly #input: number[] = [];
  readonly store: DomainStore;

  constructor(options: SmpDomainOptions) {
    const { interpreter, vcpus, memoryMib, isTranslated } = options;
    const memories = Array.from({ length: vcpus }, () => Doorbell.allocate());
    this.#doorbells = memories.map((memory) => new Doorbell(memory));
    const handle = allocateDomain(1, vcpus, memoryMib * MIB);
    const board = new Board(handle.board);
    const kick = (vcpu: number): void => {
      board.kick(vcpu);
      this.#doorbells[vcpu]?.ring();
    };
    const built = buildDomain(handle, options, { kick, peers: { find: () => undefined, signal: () => undefined, closed: () => undefined } });
    let unseen = false;
    this.#console = new ConsoleRing(built.console.page, {
      write: (byte) => {
        this.output += String.fromCharCode(byte);
        unseen = true;
      },
      notify: () => built.state.events.notify(built.console.port),
    });
    this.store = new DomainStore();
    const link = this.store.connect(built.state, {
      store: built.store,
      consolePort: built.console.port,
      consoleGfn: pvhLayout.consoleGfn,
      name: 'smp',
      uuid: '00000000-0000-0000-0000-000000000001',
    });
    const startNs = hostNow();
    const translators: Worker[] = [];
    const running = memories.map((_, vcpu) => {
      const channel = isTranslated ? new MessageChannel() : null;
      if (channel !== null) {
        const data = { port: channel.port2, functions: interpreter.index.functions, doorbell: memories[vcpu] };
        translators.push(
          new Worker(new URL('./translator-worker.ts', import.meta.url), {
            workerData: data,
            transferList: [channel.port2],
            execArgv: ['--conditions=source'],
          }),
        );
      }
      const task: SmpVcpuTask = {
        ...interpreter,
        handle,
        boot: built.boot,
        consolePort: built.console.port,
        store: built.store,
        startNs,
        vcpu,
        doorbells: memories,
        translator: channel?.port1 ?? null,
      };
      const worker = new Worker(new URL('./smp-vcpu-worker.ts', import.meta.url), {
        workerData: task,
        transferList: channel === null ? [] : [channel.port1],
        execArgv: ['--conditions=source'],
      });
      return new Promise<End>((resolve, reject) => {
        worker.on('message', (report: SmpVcpuReport) => {
          if (report.kind === 'end') {
            this.stop();
            resolve(report);
            return;
          }
          if (report.port === built.console.port) {
            this.#console.drain();
            this.#feed();
            if (unseen) options.onOutput(this.output, this);
            unseen = false;
          } else if (report.port === link.port) link.signalled();
        });
        worker.once('error', reject);
      });
    });
    this.ends = Promise.all(running).finally(async () => {
      this.store.close();
      await Promise.all(translators.map((worker) => worker.terminate()));
    });
  }

  /** Types text. */
  type(text: string): void {
    this.#input.push(...new TextEncoder().encode(text));
    this.#feed();
  }

  /** Stops all vCPUs. */
  stop(): void {
    for (const doorbell of this.#doorbells) doorbell.requestStop();
  }

  #feed(): void {
    const { room } = this.#console;
    if (room > 0 && this.#input.length > 0) this.#console.send(Uint8Array.from(this.#input.splice(0, room)));
  }
}
