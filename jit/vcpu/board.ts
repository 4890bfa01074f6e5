import * as B from '../state/board-layout.ts';
import { KICK, STATE_PAGES } from '../state/vcpu-layout.ts';

/** What the cores of a domain share beside RAM, and the machine state of each; plain data, to be sent to other threads. */
export interface BoardMemory {
  readonly shared: WebAssembly.Memory;
  readonly states: readonly WebAssembly.Memory[];
}

/** Memory of another thread's making, for who only reads and writes there: V8 weighs buffers less than WebAssembly memories. */
export interface SharedBytes {
  readonly buffer: ArrayBufferLike;
}

/** A board for who runs no core; plain data too. */
export interface BoardView {
  readonly shared: SharedBytes;
  readonly states: readonly SharedBytes[];
}

/** What of machine state a core has before it is used; its KICK is there. */
const FIRST_PAGES = 1;

/** Makes the board for a number of cores. Machine state begins small: most cores of a domain are never used. */
export function createBoard(cores: number): BoardMemory {
  if (!Number.isInteger(cores) || cores < 1 || cores > B.MOST_CORES) throw new RangeError(`a domain has 1 to ${B.MOST_CORES} cores, not ${cores}`);
  const memory = (initial: number, maximum: number): WebAssembly.Memory => new WebAssembly.Memory({ initial, maximum, shared: true });
  // what a memory is made with counts against V8's limit for garbage, used or not; what it grows by does not
  const shared = memory(0, B.BOARD_PAGES);
  shared.grow(B.BOARD_PAGES);
  return { shared, states: Array.from({ length: cores }, () => memory(FIRST_PAGES, STATE_PAGES)) };
}

/** The board for a thread that runs no core. */
export function viewOfBoard({ shared, states }: BoardMemory): BoardView {
  return { shared: { buffer: shared.buffer }, states: states.map(({ buffer }) => ({ buffer })) };
}

/** The machine state of a core, all of it; on the thread that runs the core. */
export function machineState({ board, core }: CorePlace): WebAssembly.Memory {
  const state = board.states[core];
  if (state === undefined) throw new RangeError(`there is no core ${core}`);
  const missing = STATE_PAGES - state.buffer.byteLength / 65536;
  if (missing > 0) state.grow(missing);
  return state;
}

/** Where a core stands among those of its domain. */
export interface CorePlace {
  readonly board: BoardMemory;
  readonly core: number;
}

const KICKED = -0x80000000;
const SPINS = 2000;
/** Milliseconds between two looks at something that takes long. */
const NAP = 1;
const FREE = 0;

/** Word index of a core's field. */
export const coreWord = (core: number, field: number): number => (B.CORE + core * B.CORE_SIZE + field) >> 2;

/** A domain's board as any of its threads uses it. */
export class Board {
  readonly words: Int32Array;
  readonly codeMap: BigUint64Array;
  /** The same as pairs of 32-bit words, the low one first. */
  readonly codeWords: Int32Array;
  readonly cores: number;
  readonly #kicks: readonly Int32Array[];

  constructor({ shared, states }: BoardView) {
    this.words = new Int32Array(shared.buffer);
    this.codeMap = new BigUint64Array(shared.buffer, B.CODE_MAP, B.CODE_PAGES);
    this.codeWords = new Int32Array(shared.buffer, B.CODE_MAP, 2 * B.CODE_PAGES);
    this.cores = states.length;
    this.#kicks = states.map(({ buffer }) => new Int32Array(buffer, 0, (KICK >> 2) + 1));
  }

  /** Has a running core return to its host loop soon: at the next end of a block, or back edge of translated code. */
  kick(core: number): void {
    Atomics.or(this.#kicks[core] as Int32Array, KICK >> 2, KICKED);
  }

  /** Takes a lock; `meanwhile` is called over and over until it is free. */
  lock(address: number, holder: number, meanwhile: () => void): void {
    const { words } = this;
    for (let spins = 0; ; spins++) {
      const found = Atomics.compareExchange(words, address >> 2, FREE, holder);
      if (found === FREE) return;
      meanwhile();
      if (spins > SPINS) Atomics.wait(words, address >> 2, found, NAP);
    }
  }

  unlock(address: number): void {
    Atomics.store(this.words, address >> 2, FREE);
  }

  /**
   * Tells the cores that have code in a page (all but `except`) that bytes of it were written. To be called after they were.
   * `holder` and `meanwhile` as for `lock`.
   */
  written(physical: number, length: number, holder: number = B.NOBODY, meanwhile: () => void = () => undefined): void {
    const owners = Atomics.load(this.words, (B.CODE_OWNERS >> 2) + (physical >>> 12)) & ~(holder === B.NOBODY ? 0 : 1 << (holder - 1));
    if (owners === 0) return;
    this.lock(B.BOARD_LOCK, holder, meanwhile);
    for (let core = 0; core < this.cores; core++) if (owners & (1 << core)) this.#post(core, physical, length);
    this.unlock(B.BOARD_LOCK);
    for (let core = 0; core < this.cores; core++) if (owners & (1 << core)) this.kick(core);
  }

  /** The same for any range, and only where there is code; for writes that no core made. */
  wrote(address: number, length: number): void {
    this.forEachCode(address, length, (at, bytes) => this.written(at, bytes));
  }

  /** Calls back for the part of a range in each page that holds code. */
  forEachCode(address: number, length: number, found: (at: number, bytes: number) => void): void {
    // what was written is to be seen before the map is read
    Atomics.add(this.words, B.FENCE >> 2, 0);
    for (let at = address; at < address + length; ) {
      const end = Math.min(address + length, at - (at % 4096) + 4096);
      if (this.codeMap[Math.floor(at / 4096)] !== 0n) found(at, end - at);
      at = end;
    }
  }

  #post(core: number, physical: number, length: number): void {
    const { words } = this;
    const count = coreWord(core, B.CORE_WRITTEN);
    const there = words[count] as number;
    if (there > B.MOST_WRITTEN) {
      // It will forget all its code before it runs: a core that nobody uses is not to keep stores to this page slow.
      this.#disown(core, physical >>> 12);
      return;
    }
    if (there < B.MOST_WRITTEN) {
      const at = coreWord(core, B.CORE_WRITTEN_LIST) + there * 2;
      words[at] = physical;
      words[at + 1] = length;
    }
    Atomics.store(words, count, there + 1);
  }

  /** A core has no code in a page any more. The board is held. */
  #disown(core: number, page: number): void {
    const { words, codeMap } = this;
    const owners = (B.CODE_OWNERS >> 2) + page;
    if ((Atomics.and(words, owners, ~(1 << core)) & ~(1 << core)) === 0) Atomics.store(codeMap, page, 0n);
  }

  /** Waits while a core has not served the last request. */
  await(core: number, isBusy: (core: number) => boolean): void {
    const served = coreWord(core, B.CORE_SERVED);
    for (let spins = 0; isBusy(core); spins++) if (spins > SPINS) Atomics.wait(this.words, served, Atomics.load(this.words, served), NAP);
  }

  /** The thread of a core has died: nobody is to wait for it, and its code is forgotten. */
  stopped(core: number): void {
    const { words } = this;
    for (const lock of [B.BOARD_LOCK, B.SPLIT_LOCK]) Atomics.compareExchange(words, lock >> 2, core + 1, FREE);
    Atomics.store(words, coreWord(core, B.CORE_RUNNING), 0);
    this.lock(B.BOARD_LOCK, B.NOBODY, () => undefined);
    words[coreWord(core, B.CORE_WRITTEN)] = 0;
    const owners = B.CODE_OWNERS >> 2;
    for (let page = 0; page < B.CODE_PAGES; page++) {
      if (((words[owners + page] as number) & (1 << core)) !== 0) this.#disown(core, page);
    }
    this.unlock(B.BOARD_LOCK);
  }
}
