import { Runstate } from '#sdk';
import type { Movable, StateWords } from '../machine/state-words.ts';

/** Flag in `state_entry_time` while the area is written. */
const UPDATING = 1n << 63n;
const STATES = 4;

/** Writes into guest memory by an address of the guest's; false when it is not mapped. */
export type WriteArea = (pointer: bigint, bytes: Uint8Array) => boolean;

/** How a vCPU has spent its time, and the area in which its guest sees that. */
export class RunstateClock implements Movable {
  readonly #now: () => number;
  readonly #write: WriteArea;
  readonly #times = new Float64Array(STATES);
  #state: number = Runstate.RUNSTATE_runnable;
  #entered: number;
  #area: { readonly pointer: bigint; readonly wide: boolean } | undefined;
  /** Whether the guest wants to see that the area is being written. */
  updateFlag = false;

  constructor(now: () => number, write: WriteArea) {
    this.#now = now;
    this.#write = write;
    this.#entered = now();
  }

  /** Nanoseconds that the vCPU has been in a state, up to now. */
  timeIn(state: number): number {
    return (this.#times[state] ?? 0) + (state === this.#state ? this.#now() - this.#entered : 0);
  }

  /** The vCPU changes its state. */
  enter(state: number): void {
    if (state === this.#state) return;
    const now = this.#now();
    this.#times[this.#state] = (this.#times[this.#state] ?? 0) + now - this.#entered;
    this.#state = state;
    this.#entered = now;
    this.#publish();
  }

  /** Takes the area that the guest registered, and writes it; false when it cannot be written. */
  register(pointer: bigint, wide: boolean): boolean {
    this.#area = { pointer, wide };
    if (this.#publish()) return true;
    this.#area = undefined;
    return false;
  }

  save(into: StateWords): void {
    into.put(...this.#times, this.#state, this.#entered);
    into.putFlag(this.updateFlag);
    into.putFlag(this.#area !== undefined);
    into.putLong(this.#area?.pointer ?? 0n);
    into.putFlag(this.#area?.wide ?? false);
  }

  load(from: StateWords): void {
    for (let state = 0; state < STATES; state++) this.#times[state] = from.get();
    this.#state = from.get();
    this.#entered = from.get();
    this.updateFlag = from.getFlag();
    const hasArea = from.getFlag();
    const pointer = from.getLong();
    const wide = from.getFlag();
    this.#area = hasArea ? { pointer, wide } : undefined;
  }

  /** `struct vcpu_runstate_info` as it is now. */
  image(wide: boolean): Uint8Array {
    const start = wide ? 8 : 4;
    const bytes = new Uint8Array(start + 8 * (1 + STATES));
    const view = new DataView(bytes.buffer);
    view.setInt32(0, this.#state, true);
    view.setBigUint64(start, BigInt(this.#entered), true);
    for (let state = 0; state < STATES; state++) view.setBigUint64(start + 8 * (1 + state), BigInt(Math.trunc(this.#times[state] ?? 0)), true);
    return bytes;
  }

  #publish(): boolean {
    if (this.#area === undefined) return true;
    const { pointer, wide } = this.#area;
    const write = (image: Uint8Array): boolean => this.#write(pointer, image);
    const bytes = this.image(wide);
    if (!this.updateFlag) return write(bytes);
    const view = new DataView(bytes.buffer);
    const at = wide ? 8 : 4;
    const entered = view.getBigUint64(at, true);
    view.setBigUint64(at, entered | UPDATING, true);
    if (!write(bytes)) return false;
    view.setBigUint64(at, entered, true);
    return write(bytes);
  }
}
