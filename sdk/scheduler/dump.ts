/** A vCPU in a {@link SchedulerDump}. */
export interface SchedulerDumpVcpu {
  /** Number of its domain. */
  readonly domid: number;
  /** Its number in the domain. */
  readonly vcpuId: number;
  /** The pCPU whose queues it belongs to. */
  readonly pcpu: number;
  /** It can run. */
  readonly awake: boolean;
  /** CPU time that it has been charged for. */
  readonly ranNs: number;
  /** What else the scheduler keeps of it, under the scheduler's own names. */
  readonly values: Readonly<Record<string, number | boolean | string>>;
}

/** A pCPU in a {@link SchedulerDump}. */
export interface SchedulerDumpPcpu {
  /** Its number. */
  readonly pcpu: number;
  /** It takes part. */
  readonly online: boolean;
  /** What runs on it, as `domid.vcpuId`, or `idle`. */
  readonly current: string;
  /** Its queues in order, each vCPU as `domid.vcpuId`. */
  readonly queues: Readonly<Record<string, readonly string[]>>;
  /** What else the scheduler keeps of it. */
  readonly values: Readonly<Record<string, number>>;
}

/** State of a scheduler, for people and tests: what Xen prints for its console key `r`. */
export interface SchedulerDump {
  /** Name of the scheduler. */
  readonly scheduler: string;
  /** Every pCPU, by number. */
  readonly pcpus: readonly SchedulerDumpPcpu[];
  /** Every vCPU, in the order in which they came. */
  readonly vcpus: readonly SchedulerDumpVcpu[];
}

/** A vCPU as dumps and messages write it: `domid.vcpuId`. */
export function vcpuName({ domid, vcpuId }: { readonly domid: number; readonly vcpuId: number }): string {
  return `${domid}.${vcpuId}`;
}

/** The text of a dump, one line for each pCPU and vCPU. */
export function formatSchedulerDump({ scheduler, pcpus, vcpus }: SchedulerDump): string {
  const values = (record: Readonly<Record<string, unknown>>): string[] => Object.entries(record).map(([name, value]) => `${name}=${String(value)}`);
  return [
    `Scheduler: ${scheduler}`,
    ...pcpus.map(({ pcpu, online, current, queues, values: own }) => {
      const lists = Object.entries(queues).map(([name, names]) => `${name}=[${names.join(' ')}]`);
      return [`pCPU ${pcpu}:`, online ? current : 'offline', ...lists, ...values(own)].join(' ');
    }),
    ...vcpus.map((vcpu) => [`${vcpuName(vcpu)}:`, `pcpu=${vcpu.pcpu}`, vcpu.awake ? 'awake' : 'asleep', `ran=${vcpu.ranNs}`, ...values(vcpu.values)].join(' ')),
  ].join('\n');
}
