import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { ByteRing } from './byte-ring.ts';
import { Doorbell } from './doorbell.ts';
import { type PlainError, toPlainError } from './plain-error.ts';
import { PcpuPool, TranslatorPool } from './pool.ts';
import type { MachineConfig, PcpuMessage, PcpuTask, RunEnd } from './slice-protocol.ts';

const OUTPUT_BYTES = 1 << 18;
const INPUT_BYTES = 1 << 16;
/** Output that is handed on at a time. */
const CHUNK_BYTES = 1 << 16;
/** A pCPU looks for a stop after every slice; one that does not is broken. */
const STOP_PATIENCE_MS = 1000;

/** What a pCPU is started with. */
export type PcpuRequest = Pick<PcpuTask, 'plugins' | 'directory' | 'trace' | 'known'> & { readonly machine: MachineConfig };

/** Who is told what happens on a pCPU; all of it on the main thread. */
export interface PcpuListener {
  /** Takes output of the guest; until a promise is kept no more is given, and in the end the guest waits. */
  output(bytes: Uint8Array): Promise<void> | void;
  /** Takes what devices of plugins write to the standard error. */
  stderr(bytes: Uint8Array): void;
  /** The machine is built and runs. */
  booted(): void;
  /** The guest has reset itself. */
  restarted(): void;
  /** A plugin was disabled. */
  pluginFailed(error: PlainError): void;
}

/** A pCPU as the main thread sees it: a thread that runs one guest to its end. */
export class Pcpu {
  readonly #pool = new PcpuPool(1);
  #translators: TranslatorPool | undefined;
  readonly #listener: PcpuListener;
  readonly #doorbellMemory = Doorbell.allocate();
  readonly #doorbell = new Doorbell(this.#doorbellMemory);
  readonly #outputMemory = ByteRing.allocate(OUTPUT_BYTES);
  readonly #output = new ByteRing(this.#outputMemory);
  readonly #inputMemory = ByteRing.allocate(INPUT_BYTES);
  readonly #input = new ByteRing(this.#inputMemory);
  readonly #told = new Int32Array(new SharedArrayBuffer(4));
  readonly #port: MessagePort;
  #pumping: Promise<void> | undefined;
  #booted = false;
  #stopTimer: NodeJS.Timeout | undefined;
  /** How the run ended; never rejected. Output may still be on its way, see {@link drained}. */
  readonly ended: Promise<RunEnd>;

  constructor(request: PcpuRequest, listener: PcpuListener) {
    this.#listener = listener;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (message: PcpuMessage) => this.#receive(message));
    const task: PcpuTask = {
      ...request,
      doorbell: this.#doorbellMemory,
      output: this.#outputMemory,
      input: this.#inputMemory,
      outputTold: this.#told.buffer as SharedArrayBuffer,
      port: port2,
    };
    const transfer: (ArrayBuffer | MessagePort)[] = [port2, ...filesOf(request.machine)];
    const translator = this.#startTranslator(request);
    if (translator !== undefined) transfer.push(translator);
    const failed = (error: unknown): RunEnd =>
      this.#doorbell.stopRequested ? { kind: 'stopped', pluginFailed: false } : { kind: 'failed', error: toPlainError(error), pluginFailed: false };
    this.ended = this.#pool
      .run(translator === undefined ? task : { ...task, translator }, transfer)
      .catch(failed)
      .finally(() => clearTimeout(this.#stopTimer));
  }

  /** Starts a translator thread when the engine wants one; returns the port that leads to it. */
  #startTranslator({ machine: { engine, clock, index }, known }: PcpuRequest): MessagePort | undefined {
    if (engine !== 'auto' || clock !== 'host') return undefined;
    const { port1, port2 } = new MessageChannel();
    this.#translators = new TranslatorPool(1);
    // when it fails the guest goes on in the interpreter
    void this.#translators
      .run({ port: port2, functions: index.functions, doorbell: this.#doorbellMemory, ...(known === undefined ? {} : { known }) }, [port2])
      .catch(() => undefined);
    return port1;
  }

  /** Gives bytes to the guest's serial port; returns how many there was room for. */
  input(bytes: Uint8Array): number {
    const count = this.#input.write(bytes);
    this.#doorbell.ring();
    return count;
  }

  /** Asks the pCPU to stop; {@link ended} tells when it has. */
  stop(): void {
    this.#doorbell.requestStop();
    if (!this.#booted) void this.#pool.destroy();
    this.#stopTimer ??= setTimeout(() => void this.#pool.destroy(), STOP_PATIENCE_MS);
  }

  /** Kept when the listener has been told everything and has taken all output. */
  async drained(): Promise<void> {
    // The result of the run comes another way and may have overtaken messages.
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) this.#receive(next.message);
    await this.#pump();
  }

  /** Ends the thread. */
  async destroy(): Promise<void> {
    this.#port.close();
    await Promise.all([this.#pool.destroy(), this.#translators?.destroy()]);
  }

  #receive(message: PcpuMessage): void {
    const listener = this.#listener;
    if (message.kind === 'output') {
      Atomics.store(this.#told, 0, 0);
      void this.#pump();
    } else if (message.kind === 'stderr') listener.stderr(message.bytes);
    else if (message.kind === 'booted') {
      this.#booted = true;
      listener.booted();
    } else if (message.kind === 'restarted') listener.restarted();
    else listener.pluginFailed(message.error);
  }

  #pump(): Promise<void> {
    this.#pumping ??= this.#pumpAll().finally(() => {
      this.#pumping = undefined;
    });
    return this.#pumping;
  }

  async #pumpAll(): Promise<void> {
    while (!this.#output.isEmpty) {
      const chunk = this.#output.read(CHUNK_BYTES);
      this.#doorbell.ring();
      const taken = this.#listener.output(chunk);
      if (taken !== undefined) await taken;
    }
  }
}

/** The buffers of the guest's files, which nobody needs any more on this side. A small file may be a part of a buffer that others use too. */
function filesOf({ kernel, ramdisk, firmware }: MachineConfig): ArrayBuffer[] {
  const whole = [kernel, ramdisk, firmware].flatMap((file) =>
    file?.buffer instanceof ArrayBuffer && file.byteLength > 0 && file.byteLength === file.buffer.byteLength ? [file.buffer] : [],
  );
  return [...new Set(whole)];
}
