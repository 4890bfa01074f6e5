import { type BackendEnvironment, type BackendHost, HypervisorError, type NetworkProvider, type Vif, type VifLink } from '#sdk';
import { DumpFile } from './dump-file.ts';
import { parseMac } from './mac-table.ts';
import type { SwitchOptions } from './options.ts';
import { LearningSwitch } from './switch.ts';

/** The switch of vifs that name none. */
const DEFAULT_BRIDGE = 'xenbr0';
const NS_PER_MS = 1_000_000;

/** The switches of one hypervisor, by the name that vifs call their bridge. */
export class SwitchNetwork implements NetworkProvider {
  readonly #host: BackendHost;
  readonly #options: SwitchOptions;
  readonly #switches = new Map<string, LearningSwitch>();
  #dump: Promise<DumpFile> | undefined;

  constructor(host: BackendHost, options: SwitchOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** The switch of a name, if a vif has named it. */
  find(bridge: string): LearningSwitch | undefined {
    return this.#switches.get(bridge);
  }

  async open(vif: Vif, { settings }: BackendEnvironment): Promise<VifLink> {
    const address = vif.mac === undefined ? undefined : parseMac(vif.mac);
    if ((vif.mac !== undefined && address === undefined) || (vif.mac === undefined && this.#options.antispoof)) {
      throw new HypervisorError('HV_ERR_VIF_SETTING', `mac of ${vif.name} is ${vif.mac ?? 'missing'}; expected was an address as 00:16:3e:01:02:03`, {
        hint: 'give the vif an address: mac=00:16:3e:01:02:03',
      });
    }
    const bridge = await this.#switchOf(settings['bridge'] ?? DEFAULT_BRIDGE);
    const port = bridge.attach(vif, { name: vif.name, onlyAddress: this.#options.antispoof ? address : undefined });
    return {
      receive: (frame) => port.receive(frame),
      close: () => port.detach(),
      stats: () => ({ switchRefused: port.counters.refused, switchDropped: port.counters.dropped }),
    };
  }

  async close(): Promise<void> {
    await (await this.#dump)?.close();
  }

  async #switchOf(name: string): Promise<LearningSwitch> {
    const { ageing, addresses, dump } = this.#options;
    if (dump !== null) {
      this.#dump ??= this.#createDump(dump);
      // A file that cannot be made refuses this vif, and is tried again for the next.
      this.#dump.catch(() => {
        this.#dump = undefined;
      });
    }
    const tap = await this.#dump;
    const known = this.#switches.get(name);
    if (known !== undefined) return known;
    const made = new LearningSwitch({ ageingMs: ageing * 1000, addresses, nowMs: () => this.#host.clock.now() / NS_PER_MS });
    made.observe(tap);
    this.#switches.set(name, made);
    return made;
  }

  #createDump(path: string): Promise<DumpFile> {
    const nowUs = (): number => Math.floor((performance.timeOrigin + performance.now()) * 1000);
    return DumpFile.create({ path, snapBytes: this.#options.dumpBytes, log: this.#host.log, nowUs });
  }
}
