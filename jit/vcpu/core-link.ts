import * as B from '../state/board-layout.ts';
import { KICK } from '../state/vcpu-layout.ts';
import { Board, type BoardMemory, coreWord } from './board.ts';

/** What a core does when others ask. */
export interface LinkedCore {
  /** Drops write tags of a page: it holds code of another core. */
  protect(physical: number): void;
  /** Drops the whole TLB. */
  flush(): void;
  /** The map of guest-physical memory has changed. */
  mapChanged(): void;
  /** Bytes in code of this core were written by another. */
  invalidate(physical: number, length: number): void;
  /** Forgets all code. */
  reset(): void;
}

/** Requests that are served one by one; of more that came while the core did not run, none is looked at singly. */
const MOST_SINGLE = 32;

/**
 * A core's end of the board. Code pages: the first core that decodes from a page has all others drop their write tags and
 * waits until those that run have done so; whoever stores there afterwards finds the page in CODE_MAP and tells its owners.
 * Who waits serves requests meanwhile, and whoever runs looks whenever it is kicked, so nobody waits for ever.
 */
export class CoreLink {
  readonly board: Board;
  readonly index: number;
  readonly #core: LinkedCore;
  readonly #own: number;
  readonly #state: Int32Array;
  readonly #serve = (): void => this.#serveRequests();
  #served = 0;

  constructor(memory: BoardMemory, index: number, core: LinkedCore) {
    this.board = new Board(memory);
    this.index = index;
    this.#core = core;
    this.#own = 1 << index;
    this.#state = new Int32Array((memory.states[index] as WebAssembly.Memory).buffer);
  }

  /** Whether there are other cores. */
  get isShared(): boolean {
    return this.board.cores > 1;
  }

  get isKicked(): boolean {
    return Atomics.load(this.#state, KICK >> 2) !== 0;
  }

  /** The core begins to run a slice. */
  begin(): void {
    if (!this.isShared) return;
    Atomics.store(this.board.words, coreWord(this.index, B.CORE_RUNNING), 1);
    this.serve();
  }

  /** The core runs no longer: nobody waits for it. */
  end(): void {
    if (!this.isShared) return;
    this.#serveRequests();
    Atomics.store(this.board.words, coreWord(this.index, B.CORE_RUNNING), 0);
  }

  /** Takes the kick back; what caused it is to be looked for afterwards. */
  takeKick(): void {
    Atomics.store(this.#state, KICK >> 2, 0);
  }

  /** Does what others have asked for. Between blocks only. */
  serve(): void {
    this.#serveRequests();
    const { words } = this.board;
    const count = coreWord(this.index, B.CORE_WRITTEN);
    if (Atomics.load(words, count) === 0) return;
    this.#lock();
    const written = words[count] as number;
    const first = coreWord(this.index, B.CORE_WRITTEN_LIST);
    const list = words.slice(first, first + Math.min(written, B.MOST_WRITTEN) * 2);
    Atomics.store(words, count, 0);
    this.#unlock();
    if (written > B.MOST_WRITTEN) this.#core.reset();
    else for (let i = 0; i < list.length; i += 2) this.#core.invalidate((list[i] as number) >>> 0, list[i + 1] as number);
  }

  /** Does what others wait for, wherever this core stands: for who waits for something else meanwhile. */
  serveWaiting(): void {
    this.#serveRequests();
  }

  #serveRequests(): void {
    const { words } = this.board;
    const count = Atomics.load(words, B.PROTECT_COUNT >> 2);
    if (count === this.#served) return;
    const many = ((count - this.#served) | 0) > MOST_SINGLE;
    if (many) {
      this.#core.flush();
      this.#core.mapChanged();
    } else for (let i = (this.#served + 1) | 0; i !== ((count + 1) | 0); i = (i + 1) | 0) this.#serveOne((words[ringWord(i)] as number) >>> 0);
    this.#served = count;
    const served = coreWord(this.index, B.CORE_SERVED);
    Atomics.store(words, served, count);
    Atomics.notify(words, served);
  }

  #serveOne(page: number): void {
    if (page === B.ALL_PAGES) this.#core.mapChanged();
    else this.#core.protect(page * 4096);
  }

  /** Before code is read from a page: marks the 64-byte pieces of bytes `first` to `last` of it as code of this core. */
  claim(physical: number, first: number, last: number): void {
    const page = physical >>> 12;
    const { words, codeMap, codeWords } = this.board;
    const owners = (B.CODE_OWNERS >> 2) + page;
    const low = first < 2048 ? bits(first >> 6, Math.min(last >> 6, 31)) : 0;
    const high = last >= 2048 ? bits(Math.max(first >> 6, 32) & 31, (last >> 6) & 31) : 0;
    const isMarked = ((codeWords[2 * page] as number) & low) === low && ((codeWords[2 * page + 1] as number) & high) === high;
    if (isMarked && ((words[owners] as number) & this.#own) !== 0) return;
    this.#lock();
    Atomics.or(words, owners, this.#own);
    const isNew = codeMap[page] === 0n;
    Atomics.or(codeWords, 2 * page, low);
    Atomics.or(codeWords, 2 * page + 1, high);
    if (isNew) {
      this.#core.protect(physical);
      this.#ask(page);
    }
    this.#unlock();
  }

  /** Marks exactly these pieces of a page as code of this core, as far as no other core has code there. */
  settle(physical: number, pieces: bigint): void {
    const page = physical >>> 12;
    const { words, codeMap } = this.board;
    const owners = (B.CODE_OWNERS >> 2) + page;
    this.#lock();
    if (pieces === 0n) Atomics.and(words, owners, ~this.#own);
    const left = words[owners] as number;
    if (left === 0) Atomics.store(codeMap, page, 0n);
    else if (left === this.#own) Atomics.store(codeMap, page, pieces);
    this.#unlock();
  }

  /** This core wrote bytes that hold code: tells the others. */
  written(physical: number, length: number): void {
    if (this.isShared) this.board.written(physical, length, this.index + 1, this.#serve);
  }

  /** Has all cores look at the map of guest-physical memory, and waits until those that run have done so. */
  announceMap(): void {
    if (!this.isShared) return;
    this.#lock();
    this.#ask(B.ALL_PAGES);
    this.#unlock();
  }

  /** Takes or leaves the lock of accesses that no atomic operation covers. */
  splitLock(take: boolean): void {
    if (!this.isShared) return;
    if (take) this.board.lock(B.SPLIT_LOCK, this.index + 1, this.#serve);
    else this.board.unlock(B.SPLIT_LOCK);
  }

  #lock(): void {
    if (this.isShared) this.board.lock(B.BOARD_LOCK, this.index + 1, this.#serve);
  }

  #unlock(): void {
    if (this.isShared) this.board.unlock(B.BOARD_LOCK);
  }

  /** Puts a request to all other cores and waits for those that run. The board is held, so that there is one at a time. */
  #ask(page: number): void {
    if (!this.isShared) return;
    const { board, index } = this;
    const { words } = board;
    // earlier requests were served while waiting for the lock, or come now
    this.#serveRequests();
    const count = (this.#served + 1) | 0;
    words[ringWord(count)] = page | 0;
    Atomics.store(words, B.PROTECT_COUNT >> 2, count);
    this.#served = count;
    Atomics.store(words, coreWord(index, B.CORE_SERVED), count);
    const isBusy = (core: number): boolean =>
      Atomics.load(words, coreWord(core, B.CORE_RUNNING)) !== 0 && ((Atomics.load(words, coreWord(core, B.CORE_SERVED)) - count) | 0) < 0;
    for (let core = 0; core < board.cores; core++) if (core !== index && isBusy(core)) board.kick(core);
    for (let core = 0; core < board.cores; core++) if (core !== index) board.await(core, isBusy);
  }
}

const ringWord = (count: number): number => (B.PROTECT_RING >> 2) + (count & (B.PROTECT_KEPT - 1));

/** Bits `from` to `to` of a word. */
const bits = (from: number, to: number): number => ((2 << to) - (1 << from)) | 0;
