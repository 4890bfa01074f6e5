/**
 * One of the two ways in which a domain and the hypervisor share the state of event channels. The bits are in guest
 * memory, where the guest changes them at any time: everything here is atomic, and nothing that is read is trusted.
 */
export interface EventAbi {
  /** Makes a port pending, and the upcall of its vCPU unless the port is masked. */
  setPending(port: number): void;
  /** Forgets that a port was pending. */
  clearPending(port: number): void;
  isPending(port: number): boolean;
  isMasked(port: number): boolean;
  /** Unmasks a port, and makes the upcall pending when the port is. */
  unmask(port: number): void;
}

/** What both ways need of the domain. */
export interface UpcallTarget {
  /** Makes the upcall of a vCPU pending. */
  markPending(vcpu: number): void;
}
