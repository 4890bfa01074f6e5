import type { BackendStats } from '../backend.ts';
import type { NetFrame } from './net-frame.ts';

/** The guest's end of a network cable, as a network sees it. */
export interface Vif {
  /** `vif<domid>.<number>`, as Xen calls it. */
  readonly name: string;
  /** The domain whose vif it is. */
  readonly domid: number;
  /** The address that the operator gave it, `00:16:3e:01:02:03`; undefined when there is none. */
  readonly mac: string | undefined;
  /** Whether a frontend is connected. */
  readonly connected: boolean;
  /**
   * Gives the guest a frame. What the guest can't take as it is, is cut or completed. May be called at any time.
   *
   * @returns whether it was taken; a guest that provides no room in time loses frames
   */
  deliver(frame: NetFrame): boolean;
}

/** The network's end of the cable of one vif. None of its calls may throw; one that does ends the device. */
export interface VifLink {
  /** Takes a frame that the guest has sent. Valid until the call returns. */
  receive(frame: NetFrame): void;
  /** A frontend has connected. */
  connected?(): void;
  /** The frontend has gone; another one may connect. */
  disconnected?(): void;
  /** The vif is taken away for good. */
  close?(): void | Promise<void>;
  /** What it has counted, besides what the vif counts itself. */
  stats?(): BackendStats;
}
