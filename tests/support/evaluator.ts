import type { Instruction } from '../../jit/decode/instruction.ts';
import { Machine } from '../../jit/ir/machine.ts';
import type { Flag, MemoryRef, Node, RegisterRef } from '../../jit/ir/node.ts';
import * as L from '../../jit/state/vcpu-layout.ts';
import { computeFloat } from './evaluator-floats.ts';
import { computeVector } from './evaluator-lanes.ts';
import { CALLS, computeOperation, type Scratch } from './evaluator-operations.ts';
import { assignedFlags, conditionOf, type Flags, flagsOf } from './evaluator-flags.ts';

/** Thrown by the evaluator and its memory when an instruction faults. */
export class EvaluatorFault extends Error {
  override readonly name = 'EvaluatorFault';
  readonly vector: number;
  readonly code: number;

  constructor(vector: number, code: number) {
    super(`fault ${vector} (${code})`);
    this.vector = vector;
    this.code = code;
  }
}

/** Memory as the evaluator sees it: linear addresses, little-endian, faults thrown. */
export interface EvaluatorMemory {
  read(linear: bigint, bytes: number, forWriting: boolean): bigint;
  write(linear: bigint, bytes: number, value: bigint): void;
  /** Linear address of an offset in FS or GS, limits checked. */
  segment(number: number, offset: bigint, bytes: number, write: boolean): bigint;
}

/** Registers and flags of the evaluator. */
export interface EvaluatorState {
  readonly gpr: bigint[];
  readonly flags: Flags;
  /** EFLAGS without the six arithmetic flags. */
  eflags: number;
  rip: bigint;
}

/** What the evaluator has of vectors: registers and MXCSR in a machine's state, and the microcode's routines on them. */
export interface EvaluatorVectors {
  readonly view: DataView;
  call(n: Node, args: readonly bigint[]): bigint;
}

const unsigned = (width: number, v: bigint): bigint => BigInt.asUintN(width, v);

/** Node operations that the evaluator knows beside the WebAssembly operations. */
const KNOWN = new Set([
  'fence',
  'copy',
  'select',
  'readRegister',
  'writeRegister',
  'immediate',
  'address',
  'effectiveAddress',
  'linear',
  'load',
  'store',
  'storeModified',
  'setFlags',
  'assignFlags',
  'setResultFlags',
  'flag',
  'condition',
  'if',
  'variable',
  'assign',
  'cellValue',
  'faultIf',
  'call',
  'nextRip',
  'thisRip',
  'relativeTarget',
  'checkTarget',
  'branchRelative',
  'jump',
  'readState',
  'writeState',
  'registerNumber',
  'v128.const',
]);
const KNOWN_STATE = new Set([L.SCRATCH, L.SCRATCH_HIGH, L.CR0, L.EFLAGS]);
/** Routines of SSE and MMX, which the evaluator calls as interpreter and translator do. */
const VECTOR_CALL = /^(simd|sse|mmx)_/;

/** True for words that are kept with the vector registers. */
function isVectorState(address: number): boolean {
  return (address >= L.FPU_ST && address < L.FPU_ST + 128) || [L.FPU_TOP, L.FPU_TAG, L.MXCSR, L.SSE_FAST, L.SSE_XM_PENDING].includes(address);
}

/** True when the evaluator can run a program: integers, MMX and SSE, no x87, no system routine. */
export function evaluable(program: readonly Node[]): boolean {
  return program.every((n) => {
    if (n.register?.file === 'seg') return false;
    if (n.op === 'need' ? n.name !== 'sse' && n.name !== 'mmx' : !KNOWN.has(n.op) && !/^([if](32|64)|v128|[if]\d+x\d+)\./.test(n.op)) return false;
    if (n.op === 'call' && CALLS[n.name as string] === undefined && !VECTOR_CALL.test(n.name as string)) return false;
    if ((n.op === 'readState' || n.op === 'writeState') && !KNOWN_STATE.has(n.constant as number) && !isVectorState(n.constant as number)) return false;
    return evaluable(n.then ?? []) && evaluable(n.otherwise ?? []);
  });
}

/** An access outside the canonical addresses is #SS, not #GP, when the operand lies in the stack segment. */
function inSegment<T>(address: Node, access: () => T): T {
  try {
    return access();
  } catch (error) {
    const segment = address.op === 'linear' ? address.lane : (address.memory as MemoryRef | undefined)?.segment;
    if (error instanceof EvaluatorFault && error.vector === 13 && segment === 2) throw new EvaluatorFault(12, error.code);
    throw error;
  }
}

const vectorAddress = (r: RegisterRef): number => (r.file === 'xmm' ? L.XMM : L.FPU_ST) + 16 * (r.index as number);

/** The program of an instruction. */
export function programOf(instruction: Instruction): readonly Node[] {
  const machine = new Machine(instruction.facts);
  instruction.row.sem(machine);
  return machine.program;
}

/**
 * The third opinion beside interpreter and translator: walks the meaning of instructions node by node, with every value
 * a big integer (vectors and floats are their bits) and flags kept as six booleans, in flat 32 and 64-bit modes. Only what
 * is a routine for the others, such as AES or inexact floating point, is the same routine here.
 */
export class Evaluator {
  readonly state: EvaluatorState;
  private readonly memory: EvaluatorMemory;
  private readonly vectors: EvaluatorVectors;
  private readonly scratch: Scratch = { low: 0n, high: 0n };
  private values = new Map<Node, bigint>();
  private instruction!: Instruction;
  private next = 0n;

  constructor(state: EvaluatorState, memory: EvaluatorMemory, vectors: EvaluatorVectors) {
    this.state = state;
    this.memory = memory;
    this.vectors = vectors;
  }

  /** Executes an instruction at RIP; throws EvaluatorFault, with RIP unchanged, when it faults. */
  step(instruction: Instruction, program: readonly Node[]): void {
    this.instruction = instruction;
    this.values = new Map();
    this.next = this.cut(this.state.rip + BigInt(instruction.length));
    this.run(program);
    this.state.rip = this.next;
  }

  private cut(rip: bigint): bigint {
    return unsigned(this.instruction.facts.mode === 64 ? 64 : 32, rip);
  }
  private of(node: Node | undefined): bigint {
    const v = this.values.get(node as Node);
    if (v === undefined) throw new Error(`node ${node?.op} was used before it was computed`);
    return v;
  }

  private run(nodes: readonly Node[]): void {
    for (const node of nodes) {
      const v = this.execute(node);
      if (v !== null) this.values.set(node, v);
    }
  }

  private execute(n: Node): bigint | null {
    const a = (i: number): bigint => this.of(n.args[i]);
    const { state } = this;
    switch (n.op) {
      case 'i32.const':
        return unsigned(32, BigInt(n.constant as number));
      case 'i64.const':
        return unsigned(64, n.constant as bigint);
      case 'copy':
      case 'variable':
        return a(0);
      case 'assign':
        this.values.set(n.args[0] as Node, a(1));
        return null;
      case 'cellValue':
        return a(0);
      case 'select':
        return a(0) !== 0n ? a(1) : a(2);
      case 'readRegister':
        return this.readRegister(n.register as RegisterRef, n.width as number);
      case 'writeRegister':
        this.writeRegister(n.register as RegisterRef, (n.args[0] as Node).width as number, a(0));
        return null;
      case 'effectiveAddress':
        return this.offset(n, 0n);
      case 'address':
        return this.address(n, n.args.length > 0 ? a(0) : 0n);
      case 'linear':
        return this.linear(n, a(0));
      case 'load':
        return inSegment(n.args[0] as Node, () => this.memory.read(a(0), n.bytes as number, n.modify === true));
      case 'store':
        this.store(n, a(0), a(1));
        return null;
      case 'storeModified':
        this.memory.write(this.of((n.args[0] as Node).args[0]), n.bytes as number, a(1));
        return null;
      case 'setFlags':
      case 'setResultFlags':
        Object.assign(
          state.flags,
          flagsOf(
            n,
            n.args.map((x) => this.of(x)),
            state.flags,
          ),
        );
        return null;
      case 'assignFlags':
        Object.assign(
          state.flags,
          assignedFlags(n, (x) => this.of(x)),
        );
        return null;
      case 'flag':
        return state.flags[n.name as Flag] ? 1n : 0n;
      case 'condition':
        return conditionOf(n.lane as number, state.flags) ? 1n : 0n;
      case 'if':
        this.run((a(0) !== 0n ? n.then : n.otherwise) ?? []);
        return null;
      case 'faultIf':
        if (a(0) !== 0n) throw new EvaluatorFault(n.vector as number, n.constant as number);
        return null;
      case 'call':
        return this.call(
          n,
          n.args.map((x) => this.of(x)),
        );
      default:
        return this.control(n, a);
    }
  }

  private call(n: Node, args: readonly bigint[]): bigint {
    return CALLS[n.name as string]?.(args, this.scratch) ?? this.vectors.call(n, args);
  }

  private linear(n: Node, offset: bigint): bigint {
    // -1 stands for the segment that the instruction names
    const segment = n.lane === -1 ? this.instruction.facts.segment : (n.lane as number);
    return segment < 4 ? offset : this.memory.segment(segment, offset, n.bytes as number, n.constant === 1);
  }

  private control(n: Node, a: (i: number) => bigint): bigint | null {
    const { state } = this;
    switch (n.op) {
      case 'nextRip':
        return this.next;
      case 'thisRip':
        return state.rip;
      case 'relativeTarget':
        return this.target();
      case 'checkTarget':
        if (n.args.length === 1 || a(1) !== 0n) this.checkTarget(a(0));
        return null;
      case 'branchRelative':
        if (n.args.length > 0 && a(0) === 0n) return null;
        this.checkTarget(this.target());
        this.next = this.target();
        return null;
      case 'jump':
        this.checkTarget(a(0));
        this.next = a(0);
        return null;
      case 'registerNumber':
        return BigInt((n.register as RegisterRef).index as number);
      case 'need':
      case 'fence':
        return null;
      case 'readState':
        if (isVectorState(n.constant as number)) return this.readVector(n.constant as number, n.width as number);
        return n.constant === L.SCRATCH
          ? this.scratch.low
          : n.constant === L.SCRATCH_HIGH
            ? this.scratch.high
            : n.constant === L.EFLAGS
              ? BigInt(state.eflags)
              : 0x80010031n;
      case 'writeState':
        if (n.constant === L.EFLAGS) state.eflags = Number(a(0));
        else if (isVectorState(n.constant as number)) this.writeVector(n.constant as number, (n.args[0] as Node).width as number, a(0));
        return null;
      default:
        return this.compute(
          n,
          n.args.map((x) => this.of(x)),
        );
    }
  }

  private compute(n: Node, args: readonly bigint[]): bigint {
    return computeVector(n, args) ?? computeFloat(n.op, args) ?? computeOperation(n, args);
  }

  private readVector(address: number, width: number): bigint {
    const { view } = this.vectors;
    let v = 0n;
    for (let i = width / 8 - 1; i >= 0; i--) v = (v << 8n) | BigInt(view.getUint8(address + i));
    return v;
  }
  private writeVector(address: number, width: number, v: bigint): void {
    for (let i = 0; i < width / 8; i++) this.vectors.view.setUint8(address + i, Number((v >> BigInt(8 * i)) & 0xffn));
  }

  private target(): bigint {
    const { facts, length, relative } = this.instruction;
    const rip = this.state.rip + BigInt(length) + relative;
    return facts.mode === 64 ? unsigned(64, rip) : unsigned(facts.size === 16 ? 16 : 32, rip);
  }
  private checkTarget(target: bigint): void {
    if (this.instruction.facts.mode === 64 && BigInt.asIntN(48, target) !== BigInt.asIntN(64, target)) throw new EvaluatorFault(13, 0);
  }

  private store(n: Node, address: bigint, value: bigint): void {
    try {
      inSegment(n.args[0] as Node, () => this.memory.write(address, n.bytes as number, value));
    } catch (error) {
      this.run(n.then ?? []);
      throw error;
    }
  }

  private readRegister(r: RegisterRef, width: number): bigint {
    if (r.file !== 'gpr') return this.readVector(vectorAddress(r), width);
    const v = this.state.gpr[r.index as number] as bigint;
    return unsigned(width, r.high ? v >> 8n : v);
  }
  private writeRegister(r: RegisterRef, width: number, v: bigint): void {
    if (r.file !== 'gpr') {
      this.writeVector(vectorAddress(r), width, v);
      return;
    }
    const { gpr } = this.state;
    const old = gpr[r.index as number] as bigint;
    const shift = r.high ? 8n : 0n;
    const mask = ((1n << BigInt(width)) - 1n) << shift;
    gpr[r.index as number] = width >= 32 ? v : (old & ~mask) | ((v << shift) & mask);
  }

  private offset(n: Node, delta: bigint): bigint {
    const m = n.memory as MemoryRef;
    const { gpr, rip } = this.state;
    const base = m.base === 16 ? rip + BigInt(this.instruction.length) : m.base >= 0 ? (gpr[m.base] as bigint) : 0n;
    const index = m.index >= 0 ? (gpr[m.index] as bigint) << BigInt(m.scale) : 0n;
    return unsigned(m.addressWidth, base + index + m.disp + BigInt.asIntN(64, delta));
  }
  private address(n: Node, delta: bigint): bigint {
    const { segment } = n.memory as MemoryRef;
    const offset = this.offset(n, delta);
    return segment < 4 ? offset : this.memory.segment(segment, offset, n.bytes as number, n.write === true);
  }
}
