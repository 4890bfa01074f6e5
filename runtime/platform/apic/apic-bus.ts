/** Delivery modes of interrupt messages, numbered as in ICR, LVT and redirection entries. */
export const deliveryMode = { fixed: 0, lowestPriority: 1, smi: 2, nmi: 4, init: 5, startup: 6, extInt: 7 } as const;

/** An interrupt on its way to one or more local APICs. */
export interface InterruptMessage {
  /** One of `deliveryMode`. */
  readonly mode: number;
  readonly vector: number;
  /** Level-triggered: its EOI goes back to the I/O APICs. */
  readonly level: boolean;
  readonly destination: number;
  readonly logical: boolean;
  /** The destination has 32 bits (sent in x2APIC mode) instead of 8. */
  readonly wide: boolean;
}

/** A local APIC as its peers see it. */
export interface ApicTarget {
  /** Whether a message's destination means this APIC. */
  matches(message: InterruptMessage): boolean;
  /** Processor priority, for lowest-priority delivery; null when it takes no such interrupts. */
  arbitrationPriority(): number | null;
  /** Takes a message; false when it is refused, as interrupts are by a switched-off APIC. */
  receive(message: InterruptMessage): boolean;
}

/** What wants to know of the end of level-triggered interrupts. */
export interface EoiTarget {
  endOfInterrupt(vector: number): void;
}

/** What connects the local APICs of a domain with each other and with the I/O APICs. */
export class ApicBus {
  readonly #targets: ApicTarget[] = [];
  readonly #eoiTargets: EoiTarget[] = [];

  /** Adds a local APIC. */
  addTarget(target: ApicTarget): void {
    this.#targets.push(target);
  }

  /** Adds an I/O APIC. */
  addEoiTarget(target: EoiTarget): void {
    this.#eoiTargets.push(target);
  }

  /** Sends a message to whom its destination means; false when nobody took it. */
  send(message: InterruptMessage): boolean {
    return this.#deliver(
      message,
      this.#targets.filter((target) => target.matches(message)),
    );
  }

  /** Sends a message to all APICs, but not to `except`. */
  broadcast(message: InterruptMessage, except?: ApicTarget): void {
    this.#deliver(
      message,
      this.#targets.filter((target) => target !== except),
    );
  }

  /** Tells the I/O APICs that a level-triggered interrupt has been served. */
  endOfInterrupt(vector: number): void {
    for (const target of this.#eoiTargets) target.endOfInterrupt(vector);
  }

  #deliver(message: InterruptMessage, targets: readonly ApicTarget[]): boolean {
    if (message.mode === deliveryMode.lowestPriority) return lowestOf(targets)?.receive(message) ?? false;
    let taken = false;
    for (const target of targets) taken = target.receive(message) || taken;
    return taken;
  }
}

function lowestOf(targets: readonly ApicTarget[]): ApicTarget | undefined {
  let best: ApicTarget | undefined;
  let bestPriority = Number.POSITIVE_INFINITY;
  for (const target of targets) {
    const priority = target.arbitrationPriority();
    if (priority === null || priority >= bestPriority) continue;
    best = target;
    bestPriority = priority;
  }
  return best;
}
