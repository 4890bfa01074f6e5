import type { InterpreterIndex } from '../interp/generate-interpreter.ts';
import { Predecoder } from '../interp/predecode.ts';
import * as L from '../state/vcpu-layout.ts';
import { type Block, BlockCache } from './block-cache.ts';
import { type CorePlace, createBoard, machineState } from './board.ts';
import { codeRoom, isNearEdge, refuseFetch } from './code-edge.ts';
import { CoreLink } from './core-link.ts';
import { clearJumpCache, forwardRecord } from './dead-records.ts';
import { FlightRecorder } from './flight-recorder.ts';
import { GUEST_FAULT, hostImports } from './host-imports.ts';
import type { VcpuHost } from './vcpu-host.ts';
import { VcpuResidence } from './vcpu-record.ts';

/** Why `run` returned. */
export type RunResult = 'budget' | 'halt' | 'shutdown' | 'fault';

export type { CorePlace } from './board.ts';
export type { VcpuHost } from './vcpu-host.ts';

/** The exports of the interpreter module that the core calls. */
interface Interpreter {
  enterRecord(rec: number): void;
  deliver(vector: number, error: number, kind: number): void;
  deliverFault(): void;
  fetchPage(linear: bigint): bigint;
  fetchCurrent(): number;
  fillJump(record: number, page: number): void;
  enterBlock(physical: number, mode: number, record: number): void;
  codePageProtect(physical: number): void;
  updateContext(): void;
  resetCpu?(): void;
  getEflags(): number;
  setEflags(value: number, mask: number): void;
  translate(linear: bigint, access: number): bigint;
  translateNoFault(linear: bigint): bigint;
  flushTlb(includeGlobal: number): void;
  debugBefore(rip: bigint): number;
  debugAfter(): number;
  sse_mxcsr_changed?(): void;
}

/** Instructions that attention to a kick is taken for. */
const KICK_PRICE = 50;
const FLAG_IF = 0x200;
const NMI_VECTOR = 2;
/** KIND_NMI of the microcode's `deliver`. */
const NMI_KIND = 6;

/** One vCPU: its machine state, its interpreter instance and its decoded code. Knows no domain and no device. */
export class VcpuCore {
  readonly state: WebAssembly.Memory;
  readonly view: DataView;
  readonly exports: Interpreter;
  readonly table: WebAssembly.Table;
  readonly blocks: BlockCache;
  private readonly ramBytes: Uint8Array;
  private readonly i32: Int32Array;
  private granted = 0;
  /** Makes `run` return `fault` instead of delivering a fault; for tests and debuggers. */
  stopOnFault = false;
  /** Called for each block that the host loop looks up, before it is entered. */
  onFound: ((block: Block) => void) | undefined;
  /** Called when all decoded code was dropped. */
  onCodeReset: (() => void) | undefined;
  /** Called when a block has become hot, with the address of its last record. */
  onHot: ((record: number) => void) | undefined;
  /** Called before each block with the exact RIP; for traces. */
  onBlock: (() => void) | undefined;
  /** Makes every block return to the host loop, so that `onBlock` sees all of them; for traces. */
  everyBlock = false;
  /** Where the vCPU was last, for the report of a crash. */
  readonly recorder = new FlightRecorder();
  /** Returns to the host loop by EXIT_ reason. */
  readonly exits = new Uint32Array(8);

  readonly ram: WebAssembly.Memory;
  readonly link: CoreLink;
  private readonly host: VcpuHost;
  private readonly residence: VcpuResidence;

  /** @param place the core's number among those of its domain, and what they share; a core without is the only one */
  constructor(
    module: WebAssembly.Module,
    index: InterpreterIndex,
    ram: WebAssembly.Memory,
    ramSize: number,
    host: VcpuHost,
    place: CorePlace = { board: createBoard(1), core: 0 },
  ) {
    this.ram = ram;
    this.host = host;
    this.state = machineState(place);
    this.view = new DataView(this.state.buffer);
    this.i32 = new Int32Array(this.state.buffer);
    this.link = new CoreLink(place.board, place.core, {
      protect: (physical) => this.exports.codePageProtect(physical),
      flush: () => this.exports.flushTlb(1),
      mapChanged: () => (host.mapChanged ? host.mapChanged() : this.exports.flushTlb(1)),
      invalidate: (physical, length) => this.blocks.invalidate(physical, length),
      reset: () => this.blocks.reset(),
    });
    this.ramBytes = new Uint8Array(ram.buffer);
    // the thread that had it before is gone, and what it has left means nothing to this one
    if (this.view.getUint32(L.RAM_SIZE, true) !== 0) new Uint8Array(this.state.buffer).fill(0);
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: index.handlers.length });
    const instance = new WebAssembly.Instance(module, {
      host: { ...hostImports(this, host), state: this.state, ram, board: place.board.shared, table: this.table },
    });
    this.exports = instance.exports as unknown as Interpreter;
    this.blocks = new BlockCache(this.view, new Predecoder(this.view, index), {
      fetchPage: (linear) => this.fetch(linear),
      isRam: (physical) => this.isRam(physical),
      codePage: (physical) => (this.isRam(physical) ? this.ramPage(physical) : this.devicePage(physical)),
      claim: (physical, first, last) => this.link.claim(physical, first, last),
      settle: (physical, pieces) => this.link.settle(physical, pieces),
      isShared: this.link.isShared,
    });
    this.blocks.onReset = () => {
      clearJumpCache(this.view);
      this.onCodeReset?.();
    };
    this.residence = new VcpuResidence(this);
    this.view.setUint32(L.RAM_SIZE, ramSize, true);
    if (this.exports.resetCpu) this.exports.resetCpu();
    else {
      this.view.setUint32(L.A20_MASK, 0xffffffff, true);
      for (let i = 0; i < L.TLB_ENTRIES * L.TLB_SETS; i++) for (const t of [0, 8, 16]) this.view.setBigUint64(L.TLB + i * 32 + t, 1n, true);
    }
  }

  /** As the microcode sees it: below the end of RAM and not where a VGA adapter would be. */
  isRam(physical: number): boolean {
    return physical < this.view.getUint32(L.RAM_SIZE, true) && (physical < 0xa0000 || physical >= 0xc0000);
  }

  /** A page of code in RAM; as it is now when other threads may store there. */
  private ramPage(physical: number): Uint8Array {
    const page = this.ramBytes.subarray(physical, physical + 4096);
    return this.link.isShared ? page.slice() : page;
  }

  /** What devices answer to the fetch of a page of code; nothing is there above 4 GiB. */
  private devicePage(physical: number): Uint8Array {
    const page = new Uint8Array(4096).fill(0xff);
    const words = new DataView(page.buffer);
    if (physical < 2 ** 32) for (let at = 0; at < 4096; at += 4) words.setUint32(at, this.host.mmioRead(physical + at, 4), true);
    return page;
  }

  /** RIP; exact whenever control is outside `run`. */
  get rip(): bigint {
    return this.view.getBigUint64(L.RIP, true);
  }
  set rip(value: bigint) {
    this.view.setBigUint64(L.RIP, BigInt.asUintN(64, value), true);
  }
  /** A general register, 0 = RAX. */
  gpr(index: number): bigint {
    return this.view.getBigUint64(L.GPR + index * 8, true);
  }
  setGpr(index: number, value: bigint): void {
    this.view.setBigUint64(L.GPR + index * 8, BigInt.asUintN(64, value), true);
  }
  /** Instructions executed since the core was made. */
  get executed(): number {
    return Number(this.view.getBigUint64(L.EXECUTED, true)) + this.executedInSlice();
  }
  private executedInSlice(): number {
    return this.granted - (this.i32[L.BUDGET >> 2] as number) - (this.i32[L.BUDGET_DEBT >> 2] as number);
  }
  /** Ends the running slice at the next block boundary without losing count. */
  expire(): void {
    const { i32 } = this;
    const left = i32[L.BUDGET >> 2] as number;
    if (left <= 0) return;
    i32[L.BUDGET_DEBT >> 2] = (i32[L.BUDGET_DEBT >> 2] as number) + left;
    i32[L.BUDGET >> 2] = 0;
  }
  /** Writes the whole state of the vCPU to a record (see `vcpu-record.ts`); between slices. */
  saveVcpu(into: Uint8Array): void {
    this.residence.save(into);
  }
  /** Takes over the vCPU of a record in place of the one that was here; between slices. */
  loadVcpu(from: Uint8Array): void {
    this.singleBlock = false;
    this.residence.load(from);
  }
  private settle(): void {
    const total = Number(this.view.getBigUint64(L.EXECUTED, true)) + this.executedInSlice();
    this.view.setBigUint64(L.EXECUTED, BigInt(total), true);
    this.granted = 0;
    this.i32[L.BUDGET >> 2] = 0;
    this.i32[L.BUDGET_DEBT >> 2] = 0;
  }

  /**
   * Runs up to about `budget` instructions (whole blocks), delivering faults and interrupts.
   * @returns why it stopped; after `halt` the vCPU waits for an interrupt.
   */
  run(budget: number): RunResult {
    const { i32 } = this;
    this.granted = budget;
    this.residence.ran();
    this.link.begin();
    i32[L.BUDGET >> 2] = budget;
    i32[L.BUDGET_DEBT >> 2] = 0;
    try {
      for (;;) {
        const result = this.step();
        if (result !== null) return result;
        if ((i32[L.BUDGET >> 2] as number) <= 0) return 'budget';
      }
    } finally {
      this.settle();
      this.link.end();
    }
  }

  /** One entry into the interpreter with what belongs before and after it. */
  private step(): RunResult | null {
    const { i32, view } = this;
    i32[L.EXIT_REASON >> 2] = L.EXIT_BUDGET;
    try {
      if (i32[L.KICK >> 2] !== 0) this.attend();
      if (i32[L.FAULT >> 2] !== 0) {
        if (this.stopOnFault) return 'fault';
        this.recorder.fault(view);
        // a delivery takes its time: handlers that fault at once must not run on for ever
        i32[L.BUDGET >> 2] = (i32[L.BUDGET >> 2] as number) - 1;
        this.exports.deliverFault();
      }
      if (i32[L.NMI_PENDING >> 2] !== 0 && i32[L.NMI_BLOCKED >> 2] === 0) {
        if (!this.shadowed()) this.deliverNmi();
      } else if ((i32[L.EFLAGS >> 2] as number) & FLAG_IF) {
        if (!this.host.hasInterrupt()) {
          // what was pending may have been withdrawn: as long as this is set, every STI and POPF ends the slice
          i32[L.INTR_PENDING >> 2] = 0;
        } else if (!this.shadowed()) this.exports.deliver(this.host.acknowledgeInterrupt(), -1, 1);
      }
      this.cutRip();
      const rip = view.getBigUint64(L.RIP, true);
      const single = (i32[L.CTX >> 2] as number) & L.MODE_SINGLE;
      if (single !== 0 && this.exports.debugBefore(rip) !== 0) return null;
      // an interrupt that another core sent after it had written code is taken: the code must be as it wrote it
      if (i32[L.KICK >> 2] !== 0) this.link.serve();
      const record = this.lookup();
      if (record === 0) return null;
      this.recorder.block(rip);
      this.onBlock?.();
      if (single !== 0 || this.singleBlock) this.enterOnce(record, single !== 0);
      else if (this.everyBlock) this.enterAlone(record);
      else {
        this.exports.enterRecord(record);
        if (i32[L.FAULT >> 2] !== 0) this.unwind();
      }
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
    }
    const reason = i32[L.EXIT_REASON >> 2] as number;
    this.exits[reason & 7] = (this.exits[reason & 7] as number) + 1;
    if (reason === L.EXIT_HALT && i32[L.FAULT >> 2] === 0) {
      i32[L.SHADOW >> 2] = 0;
      return 'halt'; // a debug trap of HLT itself would go on at once
    }
    if (reason === L.EXIT_SHUTDOWN) return 'shutdown';
    return null;
  }

  /** Another thread wants attention. It takes its share of the budget, so that no stream of kicks holds the slice up for ever. */
  private attend(): void {
    const { i32, link } = this;
    link.takeKick();
    link.serve();
    this.host.kicked?.();
    i32[L.BUDGET >> 2] = (i32[L.BUDGET >> 2] as number) - KICK_PRICE;
    i32[L.BUDGET_DEBT >> 2] = (i32[L.BUDGET_DEBT >> 2] as number) + KICK_PRICE;
  }

  /** Bytes of RAM were written past the vCPU, by its own thread: code that was decoded from them is forgotten. */
  wrote(address: number, length: number): void {
    this.link.board.forEachCode(address, length, (at, bytes) => this.codeWritten(at, bytes));
  }

  /** Bytes in one page that hold code, of this core or another, were written. */
  codeWritten(physical: number, length: number): void {
    this.i32[L.CODE_CHANGES >> 2] = (this.i32[L.CODE_CHANGES >> 2] as number) + 1;
    this.blocks.invalidate(physical, length);
    this.link.written(physical, length);
  }

  /** The platform may set NMI_PENDING again at once: one more can wait while the handler runs. */
  private deliverNmi(): void {
    this.i32[L.NMI_PENDING >> 2] = 0;
    this.host.acknowledgeNmi?.();
    this.exports.deliver(NMI_VECTOR, -1, NMI_KIND);
  }

  /** Runs a block of one instruction and comes back, whatever the budget. */
  private enterOnce(record: number, debug: boolean): void {
    this.singleBlock = false;
    this.enterAlone(record);
    if (debug && this.i32[L.FAULT >> 2] === 0) this.exports.debugAfter();
  }

  /** Runs one block and comes back, with the budget and the count of instructions as if it had been one of many. */
  private enterAlone(record: number): void {
    const { i32 } = this;
    const rest = (i32[L.BUDGET >> 2] as number) - 1;
    const debt = (i32[L.BUDGET_DEBT >> 2] as number) + rest;
    i32[L.BUDGET >> 2] = 1;
    i32[L.BUDGET_DEBT >> 2] = debt;
    try {
      this.exports.enterRecord(record);
      if (i32[L.FAULT >> 2] !== 0) this.unwind();
    } finally {
      const expired = i32[L.BUDGET_DEBT >> 2] !== debt;
      i32[L.BUDGET >> 2] = (i32[L.BUDGET >> 2] as number) + rest;
      i32[L.BUDGET_DEBT >> 2] = (i32[L.BUDGET_DEBT >> 2] as number) - rest;
      if (expired) this.expire();
    }
  }

  /** True while STI or MOV SS holds interrupts off, which is until the next instruction has run. */
  private shadowed(): boolean {
    const { i32, view } = this;
    if (i32[L.SHADOW >> 2] === 0) return false;
    const holds = view.getBigUint64(L.RIP, true) === view.getBigUint64(L.NEXT_RIP, true);
    i32[L.SHADOW >> 2] = 0;
    if (holds) this.singleBlock = true;
    return holds;
  }
  private singleBlock = false;

  /** A fault inside a block: makes RIP and the instruction count exact. */
  private unwind(): void {
    const { view, i32 } = this;
    const record = view.getUint32(L.CUR_REC, true);
    view.setBigUint64(L.RIP, BigInt.asUintN(64, view.getBigUint64(L.RIP, true) + BigInt(view.getUint16(record + L.REC_OFFSET, true))), true);
    this.cutRip();
    i32[L.BUDGET >> 2] = (i32[L.BUDGET >> 2] as number) - view.getUint8(record + L.REC_ORDINAL);
  }

  /** Outside 64-bit code RIP wraps at 4 GiB, which the sum of a block's RIP and an offset may have passed. */
  private cutRip(): void {
    const { i32 } = this;
    if (((i32[L.CTX >> 2] as number) & L.MODE_CODE_MASK) !== 2) i32[(L.RIP >> 2) + 1] = 0;
  }

  /** The record for the current RIP, through the jump cache; 0 when fetching faults (recorded). */
  private lookup(): number {
    const { view, i32 } = this;
    let mode = (i32[L.CTX >> 2] as number) & 0xff;
    if (this.singleBlock) mode |= L.MODE_SINGLE;
    const stalled = view.getUint32(L.CUR_REC, true);
    let room = Number.POSITIVE_INFINITY;
    if ((mode & L.MODE_FLAT) === 0) {
      room = codeRoom(view);
      if (isNearEdge(view, mode, room)) mode |= L.MODE_EDGE;
    }
    if (room <= 0) {
      refuseFetch(view);
      return 0;
    }
    const physical = this.exports.fetchCurrent() >>> 0;
    if (i32[L.FAULT >> 2] !== 0) return 0;
    let block: Block | null | undefined = this.blocks.known(physical, mode);
    if (block === undefined && (mode & L.MODE_FLAT) !== 0) block = this.blocks.obtain(this.linearRip(mode), physical, mode);
    else if (block === undefined || block.second >= 0 || (mode & L.MODE_EDGE) !== 0) block = this.blocks.find(this.linearRip(mode), mode, room);
    if (block === null) return 0;
    this.onFound?.(block);
    if ((mode & L.MODE_SINGLE) === 0 && block.valid) {
      const lasting = block.second < 0 && (mode & L.MODE_EDGE) === 0;
      this.exports.fillJump(block.record, lasting ? (block.physical & ~4095) | 1 : 0);
      if (lasting) this.exports.enterBlock(block.physical, mode, block.record);
    }
    if (stalled !== 0) forwardRecord(view, this.blocks, stalled, block);
    return block.record;
  }

  /** Linear address of the block that is at its last instruction now. */
  linearOf(block: Block): bigint {
    const { view } = this;
    const last = block.record + (block.count - 1) * L.REC_SIZE;
    // a system routine is called with its own RIP; everywhere else RIP is still the block's
    const back = block.ending === 'system' || block.ending === 'routine' ? BigInt(view.getUint16(last + L.REC_OFFSET, true)) : 0n;
    return this.linearRip(block.mode) - back;
  }

  /** Linear address of RIP. */
  private linearRip(mode: number): bigint {
    const rip = this.view.getBigUint64(L.RIP, true);
    if ((mode & L.MODE_CODE_MASK) === 2) return rip;
    return (rip + this.view.getBigUint64(L.SEG_CS + L.SEG_BASE, true)) & 0xffffffffn;
  }

  private fetch(linear: bigint): number {
    const physical = this.exports.fetchPage(BigInt.asIntN(64, linear));
    return this.i32[L.FAULT >> 2] !== 0 ? -1 : Number(physical);
  }
}
