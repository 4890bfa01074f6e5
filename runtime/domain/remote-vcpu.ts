import type { Timer } from '#sdk';
import type { HypercallVcpu } from '../hypercall/hypercall-domain.ts';
import { type ApicTarget, deliveryMode, type InterruptMessage } from '../platform/apic/apic-bus.ts';
import { destinationMatches } from '../platform/apic/apic-destination.ts';
import type { DomainState } from './domain-state.ts';
import { apicIdOf } from './pvh-layout.ts';
import { VcpuMailbox } from './vcpu-mailbox.ts';

const RUNSTATE_BYTES = { wide: 48, narrow: 44 } as const;
const NO_TIMER: Timer = { arm: () => undefined, cancel: () => undefined };

/** A vCPU that runs on another thread, as this one's hypercalls and its local APIC see it. */
export class RemoteVcpu implements HypercallVcpu, ApicTarget {
  readonly id: number;
  /** Hypercalls set the timer of their own vCPU only. */
  readonly singleshot = NO_TIMER;
  /** Times are known to the vCPU's own thread only. */
  readonly runstate: HypercallVcpu['runstate'];
  readonly periodic: HypercallVcpu['periodic'];
  readonly #mailbox: VcpuMailbox;
  readonly #kick: () => void;

  /** @param kick - has the vCPU's thread look */
  constructor(id: number, { tables }: DomainState, kick: () => void) {
    this.id = id;
    this.#mailbox = new VcpuMailbox(tables, id);
    this.#kick = kick;
    const leaveFlag = (on: boolean): void => this.#leave((box) => box.setUpdateFlag(on));
    this.runstate = {
      image: (wide) => new Uint8Array(wide ? RUNSTATE_BYTES.wide : RUNSTATE_BYTES.narrow),
      register: () => false,
      set updateFlag(on: boolean) {
        leaveFlag(on);
      },
      get updateFlag(): boolean {
        return false;
      },
    };
    this.periodic = {
      start: (periodNs) => this.#leave((box) => box.setPeriodic(periodNs)),
      stop: () => this.#leave((box) => box.setPeriodic(0)),
    };
  }

  /** It runs for itself. */
  yield(): void {}

  /** It waits for itself. */
  wait(): void {}

  sendNmi(): void {
    this.#leave((box) => box.sendNmi());
  }

  down(): void {
    this.#leave((box) => box.takeDown());
  }

  up(): void {
    this.#leave((box) => box.bringUp());
  }

  matches(message: InterruptMessage): boolean {
    const apic = this.#mailbox.apic(apicIdOf(this.id));
    return apic.enabled && destinationMatches(message, apic);
  }

  /** The busier of two is not known from here: the first one takes what may go to any. */
  arbitrationPriority(): number | null {
    return this.#mailbox.apic(apicIdOf(this.id)).softwareEnabled ? 0 : null;
  }

  receive(message: InterruptMessage): boolean {
    const { enabled, softwareEnabled } = this.#mailbox.apic(apicIdOf(this.id));
    const isFixed = message.mode === deliveryMode.fixed || message.mode === deliveryMode.lowestPriority;
    if (!enabled || (isFixed && !softwareEnabled) || !this.#mailbox.send(message)) return false;
    this.#kick();
    return true;
  }

  #leave(write: (box: VcpuMailbox) => void): void {
    write(this.#mailbox);
    this.#kick();
  }
}
