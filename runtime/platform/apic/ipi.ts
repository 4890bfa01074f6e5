import { deliveryMode, type InterruptMessage } from './apic-bus.ts';

/** Destination shorthands of the interrupt command register. */
export const ipiShorthand = { none: 0, self: 1, all: 2, others: 3 } as const;

/** What a write of the interrupt command register asks for. */
export interface Ipi {
  readonly message: InterruptMessage;
  /** One of `ipiShorthand`. */
  readonly shorthand: number;
}

/** The interrupt command register. */
export interface InterruptCommand {
  readonly low: number;
  readonly high: number;
  /** Written in x2APIC mode: the destination has 32 bits. */
  readonly wide: boolean;
}

/** Reads an interrupt command; 'nothing' for what has no effect, 'illegal' for a bad vector. */
export function decodeIpi({ low, high, wide }: InterruptCommand): Ipi | 'nothing' | 'illegal' {
  const mode = (low >> 8) & 7;
  const vector = low & 0xff;
  const asserted = (low & 0x4000) !== 0;
  const level = (low & 0x8000) !== 0;
  // INIT level de-assert only synchronised the arbitration IDs of old processors.
  if (mode === deliveryMode.init && level && !asserted) return 'nothing';
  if (mode <= deliveryMode.lowestPriority && vector < 16) return 'illegal';
  const destination = wide ? high : high >>> 24;
  const message = { mode, vector, level: false, destination, logical: (low & 0x0800) !== 0, wide };
  return { message, shorthand: (low >> 18) & 3 };
}
