import { decodeInstruction } from '../decode/decode-instruction.ts';
import type { Instruction } from '../decode/instruction.ts';
import { type Expr, TYPES } from '../emit/wasm-types.ts';
import type { WasmModule } from '../emit/wasm-module.ts';
import { Emitter } from '../emit/emitter.ts';
import { LazyFlags } from '../emit/lazy-flags.ts';
import { Machine } from '../ir/machine.ts';
import type { MemoryRef, Node, RegisterRef } from '../ir/node.ts';
import * as L from '../state/vcpu-layout.ts';
import { BLOCK_ENTRY_SIZE, FEW_TARGETS, type RegionBlock, type RegionRequest } from './region.ts';
import { dropDeadFlags } from './dead-flags.ts';
import { carryFlow, flagFlow } from './flag-flow.ts';
import { type RegisterFlow, registerFlow, type RegisterUse } from './register-flow.ts';
import { type Structure, structure } from './structure.ts';

/** Most places that a return is compared with. */
const MOST_GUESSES = 4;

/** An instruction of the region with its meaning. */
export interface Step {
  readonly instruction: Instruction;
  readonly program: readonly Node[];
  /** Bytes from the block's start. */
  readonly offset: number;
}

/**
 * What an address starts from: registers and a far displacement, the stack, or anything else. Two arrays that are walked
 * with one register have two of these. Where segments differ they count.
 */
export function baseOf(address: Node, flat: boolean): string {
  const ref = address.memory as MemoryRef | undefined;
  if (address.op === 'linear' || ref?.base === 4) return 'stack';
  if (ref === undefined || ref.base < 0 || ref.base === 16) return flat || ref === undefined ? 'other' : `other${ref.segment}`;
  const far = ref.disp >= -2048n && ref.disp < 2048n ? '' : ref.disp >> 12n;
  return `${ref.base}.${ref.index}.${ref.segment >= 4 || !flat ? ref.segment : ''}.${far}`;
}

/** What a region is made of: its blocks decoded, where control may go between them, and the locals of its function. */
export abstract class RegionBase extends Emitter {
  protected readonly request: RegionRequest;
  protected readonly tableIndex: number;
  /** Code size. */
  protected readonly mode: 16 | 32 | 64;
  /** Segments need no base and no check but FS and GS; RIP is a linear address. */
  protected readonly flat: boolean;
  protected readonly steps: Step[][];
  protected readonly structure: Structure;
  protected readonly successors: number[][];
  protected readonly byOffset = new Map<number, number>();
  protected readonly externals = new Map<number, number>();
  protected readonly gprs = new Map<number, number>();
  protected readonly xmms = new Map<number, number>();
  /** Registers as bits of a set: general ones from bit 0, XMM from bit 16. */
  protected readonly uses: readonly RegisterUse[];
  protected readonly flow: RegisterFlow;
  /** Blocks that CF is kept for in `fc` when flags are dynamic. */
  protected readonly readsCarry: readonly boolean[];
  /** Blocks that flags are kept for when they are dynamic. */
  protected readonly readsFlags: readonly boolean[];
  /** Registers written on the way to where emission stands. */
  protected dirtyNow = 0;
  /** Blocks where control may come in from outside; their places here are the numbers that records hold. */
  readonly entries: readonly number[];
  protected readonly lazy: LazyFlags;
  /** Base registers that the region stores through. */
  protected readonly writtenBases = new Set<string>();
  /** Words of machine state that keep units from being used, of those that the region uses. */
  protected readonly blocked = new Set<number>();
  /** Imported functions that the code calls. */
  readonly called = new Set<string>();
  protected readonly rip0: number;
  protected readonly ticks: number;
  /** Ticks at the entry. */
  protected readonly granted: number;
  /** Condition and target of the branch that ends the block at hand. */
  protected readonly condition: number;
  protected readonly target: number;
  protected readonly next: number;
  /** Where to go on leaving: RIP, record, and the handler of that record, or one of the EXIT_ values below. */
  protected readonly exitRip: number;
  protected readonly exitRecord: number;
  protected readonly exitHandler: number;
  /** Leaving in the middle of a block: block number << 6 | instruction number. */
  protected readonly exitPlace: number;
  /** Leaving in the middle of a block: registers to store. */
  protected readonly exitDirty: number;
  /** The dynamic flag word: kind (KIND_CODE) and width of the operation that set the flags, and single flags set since; 0: all are in memory. */
  protected readonly fk: number;
  protected readonly fa: number;
  protected readonly fb: number;
  protected readonly fr: number;
  /** CF whenever flags are dynamic. */
  protected readonly fc: number;
  protected blockIndex = 0;
  protected step!: Step;
  protected stepIndex = 0;

  /** @param tableIndex index of the region's first entry in the module's block table */
  constructor(module: WasmModule, request: RegionRequest, tableIndex: number) {
    super(module, 1);
    this.request = request;
    this.tableIndex = tableIndex;
    const code = request.mode & L.MODE_CODE_MASK;
    this.mode = code === 2 ? 64 : code === 1 ? 32 : 16;
    this.flat = (request.mode & L.MODE_FLAT) !== 0;
    this.lazy = new LazyFlags(this);
    this.rip0 = this.permanent('i64');
    this.ticks = this.permanent('i32');
    this.granted = this.permanent('i32');
    this.next = this.permanent('i32');
    this.exitRecord = this.permanent('i32');
    this.exitRip = this.permanent('i64');
    this.exitHandler = this.permanent('i32');
    this.exitPlace = this.permanent('i32');
    this.exitDirty = this.permanent('i32');
    this.fk = this.permanent('i32');
    this.fa = this.permanent('i64');
    this.fb = this.permanent('i64');
    this.fr = this.permanent('i64');
    this.fc = this.permanent('i32');
    this.condition = this.permanent('i32');
    this.target = this.permanent('i64');
    for (const [i, block] of request.blocks.entries()) this.byOffset.set(block.offset, i);
    for (const [i, offset] of request.external.entries()) this.externals.set(offset, request.blocks.length + i);
    this.steps = request.blocks.map((block) => this.decodeBlock(block));
    this.successors = request.blocks.map((block, i) => this.successorsOf(block, i));
    const known = [...new Set([0, ...request.entries, ...request.indirect])];
    // a slice that ends in a loop must come back into it
    const { loops } = structure(this.successors, known);
    this.entries = [...new Set([...known, ...loops])];
    this.structure = structure(this.successors, this.entries);
    this.uses = this.scanRegisters();
    const jumps = this.successors.map((list, i) => (this.usesTable(i) ? [...new Set([...list, ...request.indirect])] : list));
    this.flow = registerFlow(this.uses, jumps, this.entries, this.structure);
    const flow = { blocks: this.steps.map((steps) => steps.map((step) => step.program)), successors: jumps };
    this.readsCarry = carryFlow(flow);
    this.readsFlags = flagFlow(flow, (block) => this.mayLeave(block));
  }

  protected decodeBlock(block: RegionBlock): Step[] {
    const steps: Step[] = [];
    let offset = 0;
    for (let i = 0; i < block.instructions; i++) {
      const instruction = decodeInstruction(block.bytes, offset, {
        code: this.mode,
        stack: this.mode === 64 ? 64 : this.request.mode & L.MODE_STACK32 ? 32 : 16,
      });
      if (typeof instruction === 'string') throw new Error(`a block of the region does not decode: ${instruction}`);
      const machine = new Machine(instruction.facts);
      instruction.row.sem(machine);
      steps.push({ instruction, program: machine.program, offset });
      offset += instruction.length;
    }
    const programs = dropDeadFlags(steps.map((step) => step.program));
    return steps.map((step, i) => ({ ...step, program: programs[i] as readonly Node[] }));
  }

  protected successorsOf(block: RegionBlock, index: number): number[] {
    const out = new Set<number>();
    const add = (offset: number | null): void => {
      const i = offset === null ? undefined : this.byOffset.get(offset);
      if (i !== undefined) out.add(i);
    };
    if (block.ending === 'branch' || block.ending === 'jump' || block.ending === 'call') add(block.target);
    if (block.ending === 'branch' || block.ending === 'end' || block.ending === 'routine') add(block.end);
    for (const offset of this.guesses(index)) add(offset);
    return [...out];
  }

  /** Offsets behind calls whose callee is in the region: where a return may go. */
  protected continuations(): number[] {
    const inside = (offset: number | null): boolean => offset !== null && this.byOffset.has(offset);
    return this.request.blocks
      .filter((b) => inside(b.end) && ((b.ending === 'call' && inside(b.target)) || (b.ending === 'indirect-call' && b.targets.some(inside))))
      .map((b) => b.end);
  }

  /** True when control may leave the region at the block's end; at back edges for want of budget. */
  private mayLeave(index: number): boolean {
    const { ending, target, end, page } = this.request.blocks[index] as RegionBlock;
    const { order } = this.structure;
    if (this.successors[index]?.some((to) => (order[to] as number) <= (order[index] as number))) return true;
    const inside = (offset: number | null): boolean => {
      const to = offset === null ? undefined : this.byOffset.get(offset);
      return to !== undefined && this.request.blocks[to]?.page === page;
    };
    if (ending === 'branch') return !inside(target) || !inside(end);
    if (ending === 'jump' || ending === 'call') return !inside(target);
    return ending !== 'end' || !inside(end);
  }

  /** True when the block ends in a jump whose target is looked up in the region's table. */
  protected usesTable(index: number): boolean {
    const { ending, targets } = this.request.blocks[index] as RegionBlock;
    return ending !== 'return' && targets.filter((offset) => this.byOffset.has(offset)).length > FEW_TARGETS;
  }

  /** Offsets in the region that an indirect branch is compared with, likeliest first. */
  protected guesses(index: number): number[] {
    const { ending, targets } = this.request.blocks[index] as RegionBlock;
    if (this.usesTable(index) || (ending !== 'return' && ending !== 'indirect' && ending !== 'indirect-call')) return [];
    const list = targets.filter((offset) => this.byOffset.has(offset));
    if (ending === 'return') for (const offset of this.continuations()) if (!list.includes(offset)) list.push(offset);
    return list.slice(0, MOST_GUESSES);
  }

  /** Finds the registers that each block reads and writes, and gives each a local. */
  private scanRegisters(): RegisterUse[] {
    return this.steps.map((steps, i) => {
      let reads = 0;
      let writes = 0;
      for (const step of steps) {
        const use = { reads: 0, writes: 0 };
        this.scanNodes(step.program, use, false);
        reads |= use.reads & ~writes;
        writes |= use.writes;
      }
      return { reads, writes, clobbers: this.request.blocks[i]?.ending === 'routine' };
    });
  }

  private scanNodes(nodes: readonly Node[], use: { reads: number; writes: number }, nested: boolean): void {
    for (const node of nodes) {
      if (node.register) {
        const bit = this.registerBit(node.register);
        if (node.op === 'writeRegister') {
          use.writes |= bit;
          const width = (node.args[0] as Node).width;
          const whole = node.register.file === 'gpr' ? width === 32 || width === 64 : width === 128;
          // what may stay, in part or on one way, must be there before
          if (nested || !whole) use.reads |= bit;
        } else use.reads |= bit;
      }
      if (node.op === 'need') this.blocked.add(node.name === 'sse' ? L.SSE_BLOCKED : L.FPU_BLOCKED);
      const target = node.args[0];
      if (target && (node.op === 'store' || (node.op === 'load' && node.modify))) this.writtenBases.add(baseOf(target, this.flat));
      const ref = node.memory;
      if (ref && ref !== 'record') {
        if (ref.base >= 0 && ref.base < 16) use.reads |= this.registerBit({ file: 'gpr', index: ref.base });
        if (ref.index >= 0) use.reads |= this.registerBit({ file: 'gpr', index: ref.index });
      }
      if (node.then) this.scanNodes(node.then, use, true);
      if (node.otherwise) this.scanNodes(node.otherwise, use, true);
    }
  }

  /** The bit of a register in sets, which has a local from then on; 0 for registers that stay in machine state. */
  protected registerBit({ file, index }: RegisterRef): number {
    const n = index as number;
    if (file === 'gpr') {
      if (!this.gprs.has(n)) this.gprs.set(n, this.permanent('i64'));
      return 1 << n;
    }
    if (file !== 'xmm') return 0;
    if (!this.xmms.has(n)) this.xmms.set(n, this.permanent('v128'));
    return 1 << (16 + n);
  }

  /** RIP at an offset from the region's entry. */
  protected ripAt(offset: number): Expr {
    const m = this.module;
    if (offset === 0) return this.get(this.rip0, 'i64');
    const rip = m.i64.add(this.get(this.rip0, 'i64'), this.i64(BigInt(offset)));
    return this.mode === 64 ? rip : m.i64.and(rip, this.i64(0xffffffffn));
  }

  /** Linear address of a RIP. */
  protected linearRip(rip: Expr): Expr {
    const m = this.module;
    return this.flat ? rip : m.i64.and(m.i64.add(rip, this.state64(L.SEG_CS + L.SEG_BASE)), this.i64(0xffffffffn));
  }

  /** True when the block's relative target is in the region or decoded. */
  protected knowsTarget(index: number): boolean {
    const target = this.request.blocks[index]?.target as number;
    return this.byOffset.has(target) || this.externals.has(target);
  }

  /** A word of the region's block table. */
  protected blockWord(index: number, word: number): Expr {
    return this.load32(this.module.global.get('base', TYPES.i32), (this.tableIndex + index) * BLOCK_ENTRY_SIZE + word);
  }
}
