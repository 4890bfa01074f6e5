/** What becomes of a domain that has ended: it goes, begins anew, or stays to be looked at. */
export type DomainAction = 'destroy' | 'restart' | 'preserve';

/** What a domain is made of. The same as JSON is what `xm run FILE` reads; names are those of xm's configuration files. */
export interface DomainConfig {
  /** Its name: letters, digits, `.`, `_`, `+` and `-`; no other domain has it. */
  readonly name: string;
  /** The kernel: a file's path or its bytes. A Linux bzImage, or an ELF file with a PVH note. */
  readonly kernel: string | Uint8Array;
  /** The initial ramdisk: a file's path or its bytes. */
  readonly ramdisk?: string | Uint8Array;
  /** The kernel's command line; empty when left out. */
  readonly extra?: string;
  /** Memory in MiB, 2 to 3584; 256 when left out. */
  readonly memory?: number;
  /** Number of vCPUs, 1 to 32; 1 when left out. */
  readonly vcpus?: number;
  /** The pCPUs that its vCPUs may run on: `all`, or numbers and ranges of which `^` takes some away, as in `0-3,^1`; all when left out. */
  readonly cpus?: string;
  /** VBDs: `file:PATH,xvda,w`, `memory:64M,xvdb,w`. */
  readonly disk?: readonly string[];
  /** Vifs: `backend=user`, `bridge=xenbr0,mac=00:16:3e:01:02:03`. */
  readonly vif?: readonly string[];
  /** Its UUID; a random one when left out. */
  readonly uuid?: string;
  /** What CPUID tells: the name of a model, `max` when left out. */
  readonly cpu?: string;
  /** When it switched itself off; `destroy` when left out. */
  readonly on_poweroff?: DomainAction;
  /** When it wants to begin anew; `restart` when left out. */
  readonly on_reboot?: DomainAction;
  /** When it has crashed; `destroy` when left out. */
  readonly on_crash?: DomainAction;
  /** When it did not serve its watchdog; `destroy` when left out. */
  readonly on_watchdog?: DomainAction;
  /** Whether it waits for `unpause` before its first instruction; false when left out. */
  readonly paused?: boolean;
  /** Parameters of the scheduler for this domain, by their names there: `weight`, `mcuAdvance`. */
  readonly scheduling?: Readonly<Record<string, number | boolean>>;
}
