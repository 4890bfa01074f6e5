import type { InterruptMessage } from './apic-bus.ts';

/** The addresses of a local APIC. */
export interface ApicAddress {
  readonly id: number;
  readonly x2apic: boolean;
  /** LDR as the guest reads it. */
  readonly logicalDestination: number;
  /** DFR; of no meaning in x2APIC mode. */
  readonly destinationFormat: number;
}

const FLAT = 0x0f;
const ALL_CLUSTERS = 0x0f;

/** The logical destination that an APIC in x2APIC mode derives from its ID. */
export function x2apicLogicalId(id: number): number {
  return (((id >>> 4) << 16) | (1 << (id & 15))) >>> 0;
}

/** Whether a message's destination means the APIC with this address (SDM vol 3, 11.6.2). */
export function destinationMatches(message: InterruptMessage, address: ApicAddress): boolean {
  const { destination } = message;
  if (destination === (message.wide ? 0xffff_ffff : 0xff)) return true;
  if (!message.logical) return destination === address.id;
  if (address.x2apic) {
    const own = address.logicalDestination;
    return own >>> 16 === destination >>> 16 && (own & destination & 0xffff) !== 0;
  }
  const own = address.logicalDestination >>> 24;
  if (address.destinationFormat >>> 28 === FLAT) return (own & destination) !== 0;
  const cluster = destination >> 4;
  return (cluster === ALL_CLUSTERS || cluster === own >> 4) && (own & destination & 0x0f) !== 0;
}
