import { type DomainConfig, HypervisorError } from '#sdk';
import type { CheckedOptions } from '../hypervisor/check-options.ts';
import { startHypervisor } from '../hypervisor/create-hypervisor.ts';
import type { Domain, DomainEnd } from '../hypervisor/domain.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import { type PcpuListener, type RunEnd, toPlainError } from '../pcpu/index.ts';
import type { MainPlugins } from '../plugin/index.ts';
import type { GuestRunner } from './guest-runner.ts';
import { describeError, say } from './report-error.ts';

/** What a domain is run with. */
export interface DomainRunRequest {
  readonly options: CheckedOptions;
  readonly plugins: MainPlugins;
  readonly config: DomainConfig;
  /** What the configuration is called in messages. */
  readonly source?: string;
  /** VBDs in the place of those of the configuration, when others use them. */
  readonly spareDisk?: readonly string[];
}

const PLUGIN_FAILED = 'HV_ERR_PLUGIN_FAILED';

/** One domain in a hypervisor of its own, until it is gone. */
export class DomainRunner implements GuestRunner {
  readonly ended: Promise<RunEnd>;
  readonly #listener: PcpuListener;
  readonly #drained = Promise.withResolvers<void>();
  #hypervisor: Hypervisor | undefined;
  #domain: Domain | undefined;
  #pluginFailed = false;
  #stopping = false;

  constructor(request: DomainRunRequest, listener: PcpuListener) {
    this.#listener = listener;
    this.ended = this.#run(request).catch((error: unknown): RunEnd => {
      this.#drained.resolve();
      return this.#stopping ? this.#endOf('stopped') : { ...this.#endOf('failed'), error: toPlainError(error) };
    });
  }

  input(bytes: Uint8Array): number {
    const { console } = this.#domain ?? {};
    if (console === undefined || console.writableNeedDrain || console.writableEnded) return 0;
    console.write(bytes);
    return bytes.length;
  }

  stop(): void {
    this.#stopping = true;
    if (this.#domain !== undefined) void this.#domain.destroy();
    else if (this.#hypervisor !== undefined) void this.#hypervisor.close();
  }

  drained(): Promise<void> {
    return this.#drained.promise;
  }

  async destroy(): Promise<void> {
    await this.#hypervisor?.close();
  }

  async #create(hypervisor: Hypervisor, { config, source, spareDisk }: DomainRunRequest): Promise<Domain> {
    try {
      return await hypervisor.createDomain(config, source);
    } catch (error) {
      if (spareDisk === undefined || !(error instanceof HypervisorError) || error.code !== 'HV_ERR_VBD_BUSY') throw error;
      say(`the disk of this guest is in use, it gets one in memory that is gone with it: ${describeError(error)}`);
      return hypervisor.createDomain({ ...config, disk: spareDisk }, source);
    }
  }

  async #run(request: DomainRunRequest): Promise<RunEnd> {
    const { options, plugins } = request;
    const hypervisor = await startHypervisor(options, {
      plugins,
      onGenerate: () => say('building the interpreter, once for these sources'),
    });
    this.#hypervisor = hypervisor;
    hypervisor.on('stderr', (bytes) => this.#listener.stderr(bytes));
    hypervisor.on('warning', (error) => {
      this.#pluginFailed ||= error.code === PLUGIN_FAILED;
      this.#listener.pluginFailed(toPlainError(error));
    });
    if (this.#stopping) throw new Error('stopped');
    const domain = await this.#create(hypervisor, request);
    this.#domain = domain;
    domain.on('restarted', () => this.#listener.restarted());
    this.#listen(domain);
    this.#listener.booted();
    if (this.#stopping) void domain.destroy();
    const end = this.#describe(await domain.ended);
    return options.regions === undefined ? end : { ...end, known: options.regions.known };
  }

  #listen({ console }: Domain): void {
    console.on('data', (bytes: Buffer) => {
      const taken = this.#listener.output(bytes);
      if (taken === undefined) return;
      console.pause();
      void taken.then(() => console.resume());
    });
    console.once('end', () => this.#drained.resolve());
  }

  #describe(end: DomainEnd): RunEnd {
    const { reason, report, exitCode, stats } = end;
    const rest = { ...(report === undefined ? {} : { report }), ...(exitCode === undefined ? {} : { exitCode }), ...(stats === undefined ? {} : { stats }) };
    if (reason === 'failed') return { ...this.#endOf('failed'), ...rest, ...(end.error === undefined ? {} : { error: toPlainError(end.error) }) };
    if (reason === 'destroyed') return { ...this.#endOf('stopped'), ...rest };
    if (reason === 'exit') return { ...this.#endOf('exit'), ...rest };
    return { ...this.#endOf(report === undefined ? 'power-off' : 'crashed'), ...rest };
  }

  #endOf(kind: RunEnd['kind']): RunEnd {
    return { kind, pluginFailed: this.#pluginFailed };
  }
}
