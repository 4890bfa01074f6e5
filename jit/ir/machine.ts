import { MachineBase, type Operand, type Value, wasmTypeOf } from './machine-base.ts';
import type { Flag, FlagKind, Node, RegisterRef, WasmType, Width } from './node.ts';

export type { InstructionFacts, Operand, Value } from './machine-base.ts';

/**
 * The abstract machine that instruction rows are written against. Every call appends to a program of
 * nodes; interpreter generator, translator, evaluator and effect analysis read that program.
 *
 * Values of 8, 16 and 32 bits are zero-extended in an i32; operations keep them so. Booleans are i32 0 or 1.
 */
export class Machine extends MachineBase {
  // --- operands --------------------------------------------------------------------------------
  /** Number of operands. */
  get arity(): number {
    return this.facts.operands.length;
  }
  operand(i: number): Operand {
    const operand = this.facts.operands[i];
    if (operand === undefined) throw new Error(`the instruction has no operand ${i}`);
    return operand;
  }
  isMemory(i: number): boolean {
    return this.operand(i).kind === 'memory';
  }
  /** Reads operand `i`, at its own width or, for registers and memory, at another one. */
  read(i: number, width: Width = this.operand(i).width): Value {
    const operand = this.operand(i);
    if (operand.kind === 'register') return this.readRegister(operand.register, width);
    if (operand.kind === 'memory') return this.load(this.address(i), width);
    return operand.value === 'record'
      ? this.node('immediate', wasmTypeOf(width), width, [], true)
      : this.constant(width, operand.value);
  }
  /**
   * Reads operand `i` that will be written as well: a memory operand is checked for writing first. Reading and writing are
   * one atomic operation with LOCK, or when `locked` says so.
   */
  readModify(i: number, width: Width = this.operand(i).width, locked?: boolean): Value {
    if (!this.isMemory(i)) return this.read(i, width);
    const load = this.loadModify(this.address(i), width, locked);
    this.modified.set(i, load);
    return load;
  }
  private readonly modified = new Map<number, Node>();
  /** Writes operand `i`. A 32-bit general register is zero-extended to 64 bits. */
  write(i: number, v: Value): void {
    const operand = this.operand(i);
    if (operand.kind === 'register') this.writeRegister(operand.register, v);
    else if (operand.kind === 'memory') {
      const load = this.modified.get(i);
      if (load === undefined) this.store(this.address(i), v);
      else this.node('storeModified', 'none', 0, [load, v], false, { bytes: (v.width as number) / 8 });
    } else throw new Error('an immediate cannot be written');
  }
  private readonly addresses = new Map<number, Node>();
  /**
   * Linear address of memory operand `i` (i64): segment base added, segment checks made where the mode needs them,
   * for the operand's width or, on the first call, for `bytes`.
   */
  address(i: number, bytes?: number): Value {
    const known = this.addresses.get(i);
    if (known !== undefined) return known;
    const operand = this.operand(i);
    if (operand.kind !== 'memory') throw new Error(`operand ${i} is not memory`);
    const node = this.node('address', 'i64', 64, [], true, { memory: operand.memory, bytes: bytes ?? operand.width / 8 });
    this.addresses.set(i, node);
    return node;
  }
  /** Effective address of memory operand `i` without segment (LEA), i64. */
  effectiveAddress(i: number): Value {
    const operand = this.operand(i);
    if (operand.kind !== 'memory') throw new Error(`operand ${i} is not memory`);
    return this.node('effectiveAddress', 'i64', 64, [], true, { memory: operand.memory });
  }
  /** Linear address of `offset` in a segment register (i64 offset of full width): for implicit operands. */
  linear(segment: number, offset: Value, bytes: number, write: boolean): Value {
    return this.node('linear', 'i64', 64, [offset], false, { lane: segment, bytes, constant: write ? 1 : 0 });
  }

  /** As `address`, with a signed i64 added to the offset (bit strings). The sum wraps at the address width. */
  addressPlus(i: number, delta: Value): Value {
    const operand = this.operand(i);
    if (operand.kind !== 'memory') throw new Error(`operand ${i} is not memory`);
    return this.node('address', 'i64', 64, [delta], true, { memory: operand.memory, bytes: operand.width / 8 });
  }
  /** Linear address of an offset in the segment that the instruction names (DS or its override). */
  linearDynamic(offset: Value, bytes: number): Value {
    return this.node('linear', 'i64', 64, [offset], false, { lane: -1, bytes, constant: 0 });
  }
  /** Loads what `storeModified` will write back: checked for writing. */
  loadModify(address: Value, width: Width, locked = this.facts.lock): Value {
    const load = this.load(address, width);
    load.modify = true;
    load.locked = locked;
    return load;
  }
  /** Writes back to where `loadModify` read. */
  storeModified(load: Value, v: Value): void {
    this.node('storeModified', 'none', 0, [load, v], false, { bytes: (v.width as number) / 8 });
  }
  /** Writes memory operand `i`, whose address is computed now; when the store faults, `undo` runs first. */
  storeOrUndo(i: number, v: Value, undo: () => void): void {
    const node = this.node('store', 'none', 0, [this.address(i), v], false, { bytes: (v.width as number) / 8, then: [] });
    const outer = this.current;
    this.current = node.then as Node[];
    undo();
    this.current = outer;
  }
  /** Segment of the memory operand, or the one that an instruction with implicit operands names (override or DS): 0-5. */
  segmentNumber(): Value {
    return this.node('segmentNumber', 'i32', 32, [], true);
  }
  /** Address width of the instruction in bits, as an i32. */
  addressWidthValue(): Value {
    return this.node('addressWidth', 'i32', 32, [], true);
  }
  /** 0, 1 (REP, REPE) or 2 (REPNE), as an i32. */
  repeatValue(): Value {
    return this.node('repeat', 'i32', 32, [], true);
  }
  /** Number of the general register that operand `i` names (0 = RAX ... 15), as an i32: for system routines. */
  registerNumber(i: number): Value {
    const operand = this.operand(i);
    if (operand.kind !== 'register') throw new Error(`operand ${i} is not a register`);
    const { index } = operand.register;
    return typeof index === 'number' ? this.i32(index) : this.node('registerNumber', 'i32', 32, [], true, { register: operand.register });
  }
  /** #GP(0) when a near-branch target is outside the code segment or not canonical, and the condition, if any, holds. */
  checkTarget(target: Value, condition?: Value): void {
    this.node('checkTarget', 'none', 0, condition ? [target, condition] : [target], false);
  }

  // --- registers -------------------------------------------------------------------------------
  readRegister(register: RegisterRef, width: Width): Value {
    return this.node('readRegister', wasmTypeOf(width), width, [], true, { register });
  }
  writeRegister(register: RegisterRef, v: Value): void {
    this.node('writeRegister', 'none', 0, [v], false, { register });
  }
  /** A general register by number (0 = RAX ... 15), low `width` bits. */
  gpr(index: number, width: Width): Value {
    return this.readRegister({ file: 'gpr', index }, width);
  }
  setGpr(index: number, v: Value): void {
    this.writeRegister({ file: 'gpr', index }, v);
  }
  /** AH, CH, DH or BH (index 0 to 3). */
  gprHigh(index: number): Value {
    return this.readRegister({ file: 'gpr', index, high: true }, 8);
  }
  setGprHigh(index: number, v: Value): void {
    this.writeRegister({ file: 'gpr', index, high: true }, v);
  }
  /** A word of machine state by its address in `vcpu-layout.ts`. */
  state(address: number, width: 32 | 64 | 128 = 32): Value {
    return this.node('readState', wasmTypeOf(width), width, [], false, { constant: address });
  }
  setState(address: number, v: Value): void {
    this.node('writeState', 'none', 0, [v], false, { constant: address });
  }

  // --- memory ----------------------------------------------------------------------------------
  /** Loads from a linear address (i64). 128-bit loads are unaligned; see `requireAligned`. */
  load(address: Value, width: Width): Value {
    return this.node('load', wasmTypeOf(width), width, [address], false, { bytes: width / 8 });
  }
  /** Stores the value (its width) to a linear address (i64). */
  store(address: Value, v: Value): void {
    this.node('store', 'none', 0, [address, v], false, { bytes: (v.width as number) / 8 });
  }
  /** #GP(0) unless the address is a multiple of 16. */
  requireAligned(address: Value): void {
    this.faultIf(this.truncate(this.and(address, this.constant(64, 15)), 32), 13, 0);
  }

  // --- stack -----------------------------------------------------------------------------------
  /** Pushes a value (16, 32 or 64 bits). */
  push(v: Value): void {
    const bytes = (v.width as number) / 8;
    const rsp = this.sub(this.stackPointer(), this.constant(64, bytes));
    const masked = this.maskStack(rsp);
    this.store(this.linear(2, masked, bytes, true), v);
    this.setStackPointer(masked);
  }
  /** Reads the top of the stack without popping. */
  top(width: Width): Value {
    return this.load(this.linear(2, this.stackPointer(), width / 8, false), width);
  }
  /** Adds `bytes` to the stack pointer. */
  dropStack(bytes: number | Value): void {
    const n = typeof bytes === 'number' ? this.constant(64, bytes) : bytes;
    this.setStackPointer(this.maskStack(this.add(this.stackPointer(), n)));
  }
  /** Stack pointer, zero-extended to i64 from its width in this mode. */
  stackPointer(): Value {
    return this.zeroExtend(this.gpr(4, this.facts.stackWidth), 64);
  }
  /** Writes the stack pointer at its width in this mode, from an i64. */
  setStackPointer(v: Value): void {
    this.setGpr(4, this.truncate(v, this.facts.stackWidth));
  }
  private maskStack(v: Value): Value {
    const width = this.facts.stackWidth;
    return width === 64 ? v : this.and(v, this.constant(64, width === 32 ? 0xffffffff : 0xffff));
  }

  // --- flags -----------------------------------------------------------------------------------
  /**
   * Sets all six flags of `r = a + b`, `r = a - b`, the same with carry in (`adc`, `sbb`), or a logical `r`; `inc` and `dec` keep CF.
   * For 'logic' pass `r` three times.
   */
  setFlags(kind: FlagKind, a: Value, b: Value, r: Value): void {
    this.node('setFlags', 'none', 0, kind === 'logic' ? [r] : kind === 'inc' || kind === 'dec' ? [a, r] : [a, b, r], false, { flag: kind, bytes: (r.width as number) / 8 });
  }
  /** Sets the named flags to booleans; the rest stay. */
  assignFlags(flags: Partial<Record<Flag, Value>>): void {
    this.node('assignFlags', 'none', 0, Object.values(flags), false, { flags });
  }
  /** SF, ZF and PF of `r` (its width), together with CF, OF and AF as booleans. */
  setResultFlags(r: Value, flags: { cf: Value; of: Value; af?: Value }): void {
    const args = [r, flags.cf, flags.of, flags.af ?? this.i32(0)];
    this.node('setResultFlags', 'none', 0, args, false, { bytes: (r.width as number) / 8 });
  }
  /** One flag as a boolean. */
  flag(name: Flag): Value {
    return this.node('flag', 'i32', 32, [], true, { name });
  }
  /** The condition of Jcc/SETcc/CMOVcc number `code` (0 = O ... 15 = G) as a boolean. */
  condition(code: number): Value {
    return this.node('condition', 'i32', 32, [], true, { lane: code });
  }

  // --- control ---------------------------------------------------------------------------------
  /** Runs `then` when the condition holds, else `otherwise`; `name` says how often it does. Registers written inside stay written. */
  when(condition: Value, then: () => void, otherwise?: () => void, name: 'often' | 'seldom' | 'if' = 'if'): void {
    const node = this.node('if', 'none', 0, [condition], false, { then: [], name, ...(otherwise ? { otherwise: [] } : {}) });
    const outer = this.current;
    this.current = node.then as Node[];
    then();
    if (otherwise) {
      this.current = node.otherwise as Node[];
      otherwise();
    }
    this.current = outer;
  }
  /** `when` for what hardly ever happens: kept out of the way of the rest. */
  seldom(condition: Value, then: () => void): void {
    this.when(condition, then, undefined, 'seldom');
  }
  /** A mutable cell for values that differ between branches of `when`. */
  variable(initial: Value): Node {
    return this.node('variable', initial.type, initial.width, [initial], false);
  }
  /** Writes a cell made by `variable`. */
  assign(cell: Node, v: Value): void {
    this.node('assign', 'none', 0, [cell, v], false);
  }
  /** The present value of a cell. */
  value(cell: Node): Value {
    return this.node('cellValue', cell.type, cell.width, [cell], true);
  }
  /** All that was stored is seen by others before anything is loaded. */
  fence(): void {
    this.node('fence', 'none', 0, [], false);
  }
  /** Raises a fault (error -1 = no code) when the condition is not 0. Nothing may be written before it. */
  faultIf(condition: Value, vector: number, error = -1): void {
    this.node('faultIf', 'none', 0, [condition], false, { vector, constant: error });
  }
  /** Raises a fault. */
  fault(vector: number, error = -1): void {
    this.faultIf(this.i32(1), vector, error);
  }
  /** Calls a microcode function that changes no RIP and cannot fault (pure arithmetic, x87 on state). */
  call(name: string, type: WasmType, width: Width | 0, ...args: Value[]): Value {
    return this.node('call', type, width, args, false, { name });
  }
  /**
   * Calls a system routine: state is exact in memory (RIP, NEXT_RIP), it may fault, and it ends the
   * block: execution goes on at the RIP it leaves.
   */
  system(name: string, ...args: Value[]): void {
    this.node('system', 'none', 0, args, false, { name });
  }
  /** The FPU, MMX or SSE must be usable: #NM, #UD or a pending #MF otherwise. */
  need(unit: 'fpu' | 'mmx' | 'sse' | 'fpu-nowait'): void {
    this.node('need', 'none', 0, [], false, { name: unit });
  }
  /** RIP of the next instruction, i64. */
  nextRip(): Value {
    return this.node('nextRip', 'i64', 64, [], true);
  }
  /** RIP of this instruction, i64. */
  thisRip(): Value {
    return this.node('thisRip', 'i64', 64, [], true);
  }
  /** Goes to the relative target held in immediate operand 0 when the condition holds (always when absent). Last act of the row. */
  branchRelative(condition?: Value): void {
    this.node('branchRelative', 'none', 0, condition ? [condition] : [], false);
  }
  /** The relative target as RIP (i64), for CALL rel. */
  relativeTarget(): Value {
    return this.node('relativeTarget', 'i64', 64, [], true);
  }
  /** Goes to a RIP (i64, already cut to the operand size). Last act of the row; calls and returns have checked the target before they wrote anything. */
  jump(target: Value, kind: 'jump' | 'call' | 'return' = 'jump'): void {
    this.node('jump', 'none', 0, [target], false, { name: kind });
  }
  /** Goes to operand 0's relative target as a near call that has pushed its return address. */
  callRelative(): void {
    this.node('branchRelative', 'none', 0, [], false, { name: 'call' });
  }
}
