/** What all records of a trace have. */
export interface TraceMoment {
  /** When, in nanoseconds of the host's clock that schedulers see too. */
  readonly atNs: number;
}

/** A pCPU was ordered to run a vCPU; it goes on with that until the next order. */
export interface RunTraced extends TraceMoment {
  /** Tells the records apart. */
  readonly kind: 'run';
  /** The pCPU. */
  readonly pcpu: number;
  /** The vCPU's domain; -1 to idle. */
  readonly domid: number;
  /** The vCPU's number in its domain. */
  readonly vcpu: number;
  /** When the slice is over. */
  readonly untilNs: number;
}

/** A vCPU left guest code for the pCPU's loop. */
export interface ExitTraced extends TraceMoment {
  /** Tells the records apart. */
  readonly kind: 'exit';
  /** The pCPU. */
  readonly pcpu: number;
  /** The vCPU's domain. */
  readonly domid: number;
  /** The vCPU's number in its domain. */
  readonly vcpu: number;
  /** When it had entered guest code. */
  readonly fromNs: number;
  /** Why it left: `budget`, its time was over or a timer due; `halt`, it waits; `end`, it ended its domain. */
  readonly reason: 'budget' | 'halt' | 'end';
}

/** A vCPU waits for something, what it waited for has come, or it gives way to others. */
export interface BlockTraced extends TraceMoment {
  /** Tells the records apart. */
  readonly kind: 'blocked' | 'woken' | 'yielded';
  /** The vCPU's domain. */
  readonly domid: number;
  /** The vCPU's number in its domain. */
  readonly vcpu: number;
}

/** A domain signalled event channels whose other end is on the main thread: console, XenStore, backends. */
export interface EventTraced extends TraceMoment {
  /** Tells the records apart. */
  readonly kind: 'event';
  /** The domain. */
  readonly domid: number;
}

/** A domain began or ended. */
export interface DomainTraced extends TraceMoment {
  /** Tells the records apart. */
  readonly kind: 'domain';
  /** The domain's number. */
  readonly domid: number;
  /** The domain's name. */
  readonly name: string;
  /** What became of it. */
  readonly what: 'created' | 'ended';
}

/** A record of a trace. */
export type TraceRecord = RunTraced | ExitTraced | BlockTraced | EventTraced | DomainTraced;
