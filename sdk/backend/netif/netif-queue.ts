import { BackRing, type RingLayout } from '../back-ring.ts';
import type { BackendEnvironment } from '../backend.ts';
import type { EventChannel } from '../event-channels.ts';
import { GrantStatus, type GuestPage } from '../guest-grants.ts';
import type { FrontendNodes } from '../store-access.ts';
import type { NetFrame } from './net-frame.ts';
import { NETIF_RX_LAYOUT, NETIF_TX_LAYOUT } from './netif-layout.ts';
import { NetifRx } from './netif-rx.ts';
import { NetifTx } from './netif-tx.ts';
import type { TxCredit } from './tx-credit.ts';
import type { VifCounters } from './vif-counters.ts';

/** Frames of a guest that are taken in one turn: it must not keep others from theirs. */
const FRAMES_A_TURN = 128;

/** What a queue is made of. */
export interface NetifQueueParts {
  readonly environment: BackendEnvironment;
  readonly frontend: FrontendNodes;
  /** What the names of its nodes begin with: nothing, or `queue-0/`. */
  readonly prefix: string;
  readonly counters: VifCounters;
  readonly severalSlots: boolean;
  readonly take: (frame: NetFrame) => void;
  /** What the guest may still send; undefined without a limit. */
  readonly credit: TxCredit | undefined;
}

/** One pair of rings with their event channels. */
export class NetifQueue {
  readonly #environment: BackendEnvironment;
  readonly #pages: GuestPage[] = [];
  readonly #channels: EventChannel[] = [];
  readonly #txRing: BackRing;
  readonly #rxRing: BackRing;
  readonly #tx: NetifTx;
  readonly #rx: NetifRx;
  readonly #credit: TxCredit | undefined;
  #txChannel: EventChannel | undefined;
  #rxChannel: EventChannel | undefined;
  #open = true;
  #flushDue = false;
  #pumpDue = false;

  /**
   * Maps the rings. What was mapped is given back by `close`, or at once when this throws.
   * @throws Error with a message for the error node
   */
  constructor(parts: NetifQueueParts) {
    const { environment, frontend, prefix, counters, severalSlots, take, credit } = parts;
    this.#environment = environment;
    this.#credit = credit;
    const { grants } = environment;
    try {
      this.#txRing = this.#map(frontend, `${prefix}tx-ring-ref`, NETIF_TX_LAYOUT);
      this.#rxRing = this.#map(frontend, `${prefix}rx-ring-ref`, NETIF_RX_LAYOUT);
      this.#tx = new NetifTx({ ring: this.#txRing, grants, counters, take, credit });
      this.#rx = new NetifRx({ ring: this.#rxRing, grants, counters, severalSlots });
      this.#bind(frontend, prefix);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Gives the guest a frame; whether it was taken. It is shown to the guest when the caller's turn ends. */
  deliver(frame: NetFrame): boolean {
    if (!this.#open) return false;
    let taken = false;
    this.#guard(() => {
      taken = this.#rx.deliver(frame);
      if (!this.#flushDue) {
        this.#flushDue = true;
        queueMicrotask(this.#flush);
      }
    });
    return taken;
  }

  /** Lets go of rings and events. */
  close(): void {
    this.#open = false;
    this.#tx?.stop();
    for (const channel of this.#channels.splice(0)) channel.close();
    for (const page of this.#pages.splice(0)) page.unmap();
  }

  #map(frontend: FrontendNodes, name: string, layout: RingLayout): BackRing {
    const ref = frontend.readNumber(name);
    if (ref === undefined) throw new Error(`${name} is missing or no number`);
    const page = this.#environment.grants.map(ref, 'write');
    if (typeof page === 'number') {
      const status = Object.entries(GrantStatus).find(([, value]) => value === page)?.[0] ?? page;
      throw new Error(`${name} ${ref} cannot be mapped: ${status}`);
    }
    this.#pages.push(page);
    return new BackRing([page], layout);
  }

  #bind(frontend: FrontendNodes, prefix: string): void {
    const both = frontend.readNumber(`${prefix}event-channel`);
    if (both !== undefined && frontend.readNumber(`${prefix}event-channel-tx`) === undefined) {
      this.#txChannel = this.#rxChannel = this.#bindPort(both, () => {
        this.#pump();
        this.#refill();
      });
      return;
    }
    this.#txChannel = this.#bindPort(frontend.readNumber(`${prefix}event-channel-tx`), () => this.#pump());
    this.#rxChannel = this.#bindPort(frontend.readNumber(`${prefix}event-channel-rx`), () => this.#refill());
  }

  #bindPort(port: number | undefined, listener: () => void): EventChannel {
    const channel = port === undefined ? undefined : this.#environment.events.bind(port, listener);
    if (channel === undefined) throw new Error(port === undefined ? 'event-channel is missing or no number' : `event channel ${port} cannot be bound`);
    this.#channels.push(channel);
    return channel;
  }

  /** Takes what the guest sends, for one turn. */
  #pump(): void {
    if (!this.#open || this.#pumpDue) return;
    this.#guard(() => {
      let progress = this.#tx.process(FRAMES_A_TURN);
      // A request that came before the event was asked for gives none.
      if (progress === 'idle' && this.#open && this.#txRing.rearm()) progress = 'more';
      if (!this.#open) return;
      if (this.#txRing.publish()) this.#txChannel?.notify();
      if (progress === 'idle') return;
      this.#pumpDue = true;
      const resume = (): void => {
        this.#pumpDue = false;
        this.#pump();
      };
      if (progress === 'throttled') this.#credit?.wait(resume);
      else this.#environment.defer(resume);
    });
  }

  /** The guest has provided room. */
  #refill(): void {
    if (!this.#open || !this.#rx.stalled) return;
    this.#guard(() => {
      this.#rx.drain();
      this.#flush();
    });
  }

  readonly #flush = (): void => {
    this.#flushDue = false;
    if (!this.#open) return;
    this.#guard(() => {
      // An event is asked for only while frames wait; room that came before that is used at once.
      if (this.#rx.stalled && this.#rxRing.rearm() && this.#rx.drain()) this.#rxRing.rearm();
      if (this.#rxRing.publish()) this.#rxChannel?.notify();
    });
  };

  /** Nothing that a guest does may go further up than its own device. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#open = false;
      this.#environment.fail(error instanceof Error ? error.message : String(error));
    }
  }
}
