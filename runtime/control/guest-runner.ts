import type { RunEnd } from '../pcpu/index.ts';

/** A guest that runs, as a session sees it: a PC on a pCPU, or a domain of a hypervisor. */
export interface GuestRunner {
  /** How the run ended; never rejected. Output may still be on its way, see {@link drained}. */
  readonly ended: Promise<RunEnd>;
  /** Gives bytes to the guest's console; returns how many there was room for. */
  input(bytes: Uint8Array): number;
  /** Ends the guest; {@link ended} tells when it has. */
  stop(): void;
  /** Kept when the listener has been told everything and has taken all output. */
  drained(): Promise<void>;
  /** Ends the threads. */
  destroy(): Promise<void>;
}
