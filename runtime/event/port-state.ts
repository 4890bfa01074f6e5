/** What an event channel is, in its record. */
export const PortState = { free: 0, unbound: 1, interdomain: 2, virq: 4, ipi: 5 } as const;

/** What is known of an event channel. */
export interface PortStatus {
  /** One of {@link PortState}; the numbers are those of `EVTCHNSTAT_`. */
  readonly state: number;
  readonly vcpu: number;
  readonly remoteDomid: number;
  /** The port at the other end, or the number of the virtual interrupt. */
  readonly remotePort: number;
}
