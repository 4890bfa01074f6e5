import type { Domain, DomainConfig, Hypervisor } from '#runtime';
import { LineSplitter } from '../measure/line-splitter.ts';
import type { PeerGuest } from './peer-guest.ts';

const PROMPT = /:~# /;

/** What a command took. */
export interface Timed {
  /** From the line before it to the line behind it, as they arrived. */
  readonly ms: number;
  /** CPU time of this process meanwhile, all threads. */
  readonly cpuMs: number;
  readonly lines: readonly string[];
}

/** A Debian domain at whose shell commands are typed and timed. */
export class LinuxSession {
  readonly domain: Domain;
  readonly #splitter = new LineSplitter();
  #lines: string[] = [];
  #changed: () => void = () => undefined;
  #serial = 0;

  private constructor(domain: Domain) {
    this.domain = domain;
    domain.console.on('data', (bytes: Buffer) => {
      this.#lines.push(...this.#splitter.push(bytes.toString('latin1')));
      this.#changed();
    });
  }

  /** Boots to the shell. */
  static async begin(hypervisor: Hypervisor, { kernel, ramdisk }: PeerGuest, config: Partial<DomainConfig> & { readonly name: string }): Promise<LinuxSession> {
    const { extra = '', ...rest } = config;
    const domain = await hypervisor.createDomain({ memory: 256, ...rest, kernel, ramdisk, extra: `console=hvc0 quiet mitigations=off ${extra}` });
    const session = new LinuxSession(domain);
    await session.#until(() => PROMPT.test(session.#splitter.tail));
    await session.run('dmesg -n 1');
    return session;
  }

  /** Runs a command and returns when it has ended. */
  async run(command: string): Promise<Timed> {
    const name = `step-${++this.#serial}`;
    this.#lines = [];
    // The quotes keep the terminal's echo of the command from looking like a marker.
    this.domain.console.write(`echo BE''GIN ${name}; ${command}; echo EN''D ${name}\n`);
    await this.#until(() => this.#lines.includes(`BEGIN ${name}`));
    const start = performance.now();
    const before = process.cpuUsage();
    await this.#until(() => this.#lines.includes(`END ${name}`));
    const { user, system } = process.cpuUsage(before);
    const ms = performance.now() - start;
    const lines = this.#lines.slice(this.#lines.indexOf(`BEGIN ${name}`) + 1, this.#lines.indexOf(`END ${name}`));
    return { ms, cpuMs: (user + system) / 1000, lines };
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}
