import type { DomainState } from '../../../../runtime/domain/domain-state.ts';
import { PAGE } from '../../../../runtime/memory/guest-ram.ts';

const PENDING = 1 << 31;
const MASKED = 1 << 30;
const LINKED = 1 << 29;
const LINK = 0x1ffff;
const CONTROL_GFN = 0x20;
const ARRAY_GFN = 0x21;

/** A guest that uses the FIFO ABI as its documentation says. */
export class FifoGuest {
  readonly #state: DomainState;
  readonly #heads = new Int32Array(16);

  constructor(state: DomainState) {
    this.#state = state;
  }

  /** Changes to the ABI; what the two hypercalls returned. */
  begin(): number[] {
    const { events } = this.#state;
    return [events.initControl(0, CONTROL_GFN, 0), events.expandArray(ARRAY_GFN)];
  }

  mask(port: number): void {
    this.#state.ram.setBits(this.wordOf(port), MASKED);
  }

  wordOf(port: number): number {
    return ARRAY_GFN * PAGE + 4 * port;
  }

  /** Takes all events, the ports in the order in which they are handled. */
  handle(): number[] {
    const { ram, upcall } = this.#state;
    ram.bytes[upcall.infoOf(0)] = 0;
    const handled: number[] = [];
    let ready = Atomics.exchange(ram.words, (CONTROL_GFN * PAGE) >> 2, 0);
    while (ready !== 0) {
      const queue = 31 - Math.clz32(ready & -ready);
      ready &= ~(1 << queue);
      handled.push(...this.#consume(queue));
    }
    return handled;
  }

  #consume(queue: number): number[] {
    const { ram } = this.#state;
    const head = CONTROL_GFN * PAGE + 8 + 4 * queue;
    const handled: number[] = [];
    let port = this.#heads[queue] || ram.load(head);
    while (port !== 0) {
      const word = this.wordOf(port);
      const old = ram.load(word);
      // Takes the event out of the queue: the link goes with the bit.
      if (!ram.replace(word, old, old & ~(LINKED | LINK))) continue;
      if ((old & PENDING) !== 0 && (old & MASKED) === 0) {
        ram.clearBits(word, PENDING);
        handled.push(port);
      }
      port = old & LINK;
    }
    this.#heads[queue] = 0;
    return handled;
  }
}
