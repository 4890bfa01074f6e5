import type { InstructionFacts } from '../ir/machine.ts';
import type { Flag, Node, RegisterRef, Width } from '../ir/node.ts';
import type { Expr, WasmModule } from '../emit/binaryen.ts';
import { TYPES } from '../emit/binaryen.ts';
import { Emitter } from '../emit/emitter.ts';
import { LazyFlags } from '../emit/lazy-flags.ts';
import * as L from '../state/vcpu-layout.ts';

/** The only parameter of a handler: the address of its predecoded record. */
const REC = 0;

/** Emits interpreter handlers: operands come from the predecoded record, registers and flags live in memory. */
export class HandlerEmitter extends Emitter {
  private readonly flags: LazyFlags;

  private readonly facts: InstructionFacts;

  constructor(module: WasmModule, facts: InstructionFacts) {
    super(module, 1);
    this.facts = facts;
    this.flags = new LazyFlags(this);
  }

  private rec(): Expr {
    return this.get(REC, 'i32');
  }

  // --- operands --------------------------------------------------------------------------------
  /** Pointer and constant offset of a register in state memory. */
  private place(register: RegisterRef): { pointer: Expr; offset: number } {
    const { file, index } = register;
    if (typeof index === 'number') {
      const offset = file === 'gpr' ? L.GPR + index * 8 + (register.high ? 1 : 0) : file === 'xmm' ? L.XMM + index * 16 : L.FPU_ST + index * 16;
      return { pointer: this.i32(0), offset };
    }
    if (index === 'extra') return { pointer: this.module.i32.shl(this.load8(this.rec(), L.REC_EXTRA), this.i32(3)), offset: L.GPR };
    return { pointer: this.load16(this.rec(), index === 'reg' ? L.REC_REG : L.REC_RM), offset: 0 };
  }

  protected readRegister(register: RegisterRef, width: Width): Expr {
    const { pointer, offset } = this.place(register);
    const m = this.module;
    if (width === 8) return this.load8(pointer, offset);
    if (width === 16) return this.load16(pointer, offset);
    if (width === 32) return this.load32(pointer, offset);
    if (width === 64) return this.load64(pointer, offset);
    return m.v128.load(offset, 1, pointer, 'state');
  }

  protected writeRegister(register: RegisterRef, width: Width, value: Expr): Expr {
    const { pointer, offset } = this.place(register);
    const m = this.module;
    if (width === 8) return m.i32.store8(offset, 1, pointer, value, 'state');
    if (width === 16) return m.i32.store16(offset, 1, pointer, value, 'state');
    if (width === 32) return register.file === 'gpr' ? this.store64(pointer, offset, m.i64.extend_u(value)) : this.store32(pointer, offset, value);
    if (width === 64) return this.store64(pointer, offset, value);
    return m.v128.store(offset, 1, pointer, value, 'state');
  }

  protected immediate(width: Width): Expr {
    if (width === 8) return this.load8(this.rec(), L.REC_IMM);
    if (width === 16) return this.load16(this.rec(), L.REC_IMM);
    return width === 64 ? this.load64(this.rec(), L.REC_IMM) : this.load32(this.rec(), L.REC_IMM);
  }

  /** base + (index << scale) + displacement, cut to the address width. */
  private offset(delta: Expr | null): Expr {
    const m = this.module;
    const index = m.i64.shl(this.load64(this.load16(this.rec(), L.REC_INDEX), 0), m.i64.load8_u(L.REC_SCALE, 1, this.rec(), 'state'));
    const disp = m.i64.load32_s(L.REC_DISP, 1, this.rec(), 'state');
    let sum = m.i64.add(m.i64.add(this.load64(this.load16(this.rec(), L.REC_BASE), 0), index), disp);
    if (delta !== null) sum = m.i64.add(sum, delta);
    const shift = this.local('i64');
    return m.i64.shr_u(m.i64.shl(sum, this.tee(shift, m.i64.load8_u(L.REC_FLAGS, 1, this.rec(), 'state'), 'i64')), this.get(shift, 'i64'));
  }

  protected effectiveAddress(_node: Node, delta: Expr | null): Expr {
    return this.offset(delta);
  }

  protected linearAddress(node: Node, delta: Expr | null): Expr {
    const m = this.module;
    const local = this.local('i64');
    const write = node.write ? 1 : 0;
    const body = [
      this.set(local, this.offset(delta)),
      this.when(m.i32.and(this.load8(this.rec(), L.REC_FLAGS), this.i32(L.REC_FLAG_SLOW)), [
        this.set(local, this.call('slowAddress', [this.get(local, 'i64'), this.rec(), this.i32(node.bytes ?? 1), this.i32(write)], 'i64')),
        this.leaveIfFault(),
      ]),
      this.get(local, 'i64'),
    ];
    return m.block(null, body, TYPES.i64);
  }

  // --- flags -----------------------------------------------------------------------------------
  protected readFlag(name: string): Expr {
    return this.flags.read(name as Flag);
  }
  protected readCondition(code: number): Expr {
    return this.flags.condition(code);
  }

  // --- places in the program -------------------------------------------------------------------
  /** Cuts a RIP to the width of the operand size in modes other than 64-bit. */
  private cutRip(value: Expr): Expr {
    const size = this.facts.size;
    return this.facts.mode === 64 ? value : this.module.i64.and(value, this.i64(size === 16 ? 0xffffn : 0xffffffffn));
  }
  private ripAfter(): Expr {
    const m = this.module;
    const end = m.i32.add(this.load16(this.rec(), L.REC_OFFSET), this.load8(this.rec(), L.REC_LENGTH));
    const rip = m.i64.add(this.state64(L.RIP), m.i64.extend_u(end));
    return this.facts.mode === 64 ? rip : m.i64.and(rip, this.i64(0xffffffffn));
  }
  private ripHere(): Expr {
    return this.module.i64.add(this.state64(L.RIP), this.module.i64.load16_u(L.REC_OFFSET, 1, this.rec(), 'state'));
  }

  protected special(node: Node): Expr {
    const m = this.module;
    switch (node.op) {
      case 'nextRip': return this.ripAfter();
      case 'thisRip': return this.ripHere();
      case 'relativeTarget': return this.cutRip(m.i64.add(this.state64(L.RIP), this.load64(this.rec(), L.REC_IMM)));
      case 'segmentNumber': return m.i32.and(this.load8(this.rec(), L.REC_SEG), this.i32(7));
      case 'addressWidth': return m.i32.sub(this.i32(64), m.i32.and(this.load8(this.rec(), L.REC_FLAGS), this.i32(63)));
      case 'registerNumber': {
        const { pointer, offset } = this.place(node.register as RegisterRef);
        return m.i32.shr_u(m.i32.sub(pointer, this.i32(L.GPR - offset)), this.i32(3));
      }
      case 'repeat': return m.i32.and(this.load8(this.rec(), L.REC_EXTRA), this.i32(L.REC_EXTRA_REPEAT));
      default: throw new Error(`no meaning for node ${node.op}`);
    }
  }

  // --- faults ----------------------------------------------------------------------------------
  private leaveIfFault(before: Expr[] = []): Expr {
    return this.when(this.state32(L.FAULT), [...before, this.setState32(L.CUR_REC, this.rec()), this.module.return()]);
  }
  private raise(vector: Expr, error: number): Expr[] {
    return [
      this.setState32(L.FAULT, this.i32(1)), this.setState32(L.FAULT_VECTOR, vector),
      this.setState32(L.FAULT_ERROR, this.i32(error)), this.setState32(L.CUR_REC, this.rec()),
      this.setState32(L.EXIT_REASON, this.i32(L.EXIT_FAULT)), this.module.return(),
    ];
  }

  // --- effects ---------------------------------------------------------------------------------
  protected effect(node: Node): Expr[] {
    const m = this.module;
    const arg = (i: number): Expr => this.value(node.args[i] as Node);
    switch (node.op) {
      case 'load': return this.emitLoad(node);
      case 'store': return this.emitStore(node);
      case 'storeModified': return this.emitStoreModified(node);
      case 'linear': return this.emitLinear(node);
      case 'setFlags': return this.flags.set(node);
      case 'assignFlags': return this.flags.assign(node);
      case 'setResultFlags': return this.flags.setResult(node);
      case 'if': return [this.when(arg(0), this.list(node.then as Node[]), node.otherwise ? this.list(node.otherwise) : undefined)];
      case 'faultIf': return [this.when(arg(0), this.raise(this.i32(node.vector as number), node.constant as number))];
      case 'need': return this.emitNeed(node.name as string);
      case 'call': {
        const call = this.call(node.name as string, node.args.map((_, i) => arg(i)), node.type);
        return [node.type === 'none' ? call : node.uses > 0 ? this.keep(node, call) : m.drop(call)];
      }
      case 'system': return this.emitSystem(node);
      case 'checkTarget': return this.facts.mode === 64 ? this.checkCanonical(arg(0)) : [this.when(m.i64.gt_u(arg(0), m.i64.load32_u(L.SEG_CS + L.SEG_LIMIT, 1, this.i32(0), 'state')), this.raise(this.i32(13), 0))];
      case 'branchRelative': return this.emitBranch(node);
      case 'jump': return this.emitJump(arg(0));
      default: throw new Error(`no effect for node ${node.op}`);
    }
  }

  private checkCanonical(target: Expr): Expr[] {
    const m = this.module;
    const local = this.local('i64');
    const extended = m.i64.shr_s(m.i64.shl(this.tee(local, target, 'i64'), this.i64(16n)), this.i64(16n));
    return [this.when(m.i64.ne(extended, this.get(local, 'i64')), this.raise(this.i32(13), 0))];
  }

  /** Size for a slow-path call, with STACK_ACCESS when the operand lies in the stack segment: non-canonical is #SS then. */
  private accessSize(node: Node, bytes: number): Expr {
    const m = this.module;
    const address = node.args[0] as Node;
    if (address.op === 'linear' && address.lane !== -1) return this.i32(bytes | (address.lane === 2 ? 0x100 : 0));
    const inStack = m.i32.eq(m.i32.and(this.load8(this.rec(), L.REC_SEG), this.i32(15)), this.i32(2));
    return m.i32.or(this.i32(bytes), m.i32.shl(inStack, this.i32(8)));
  }

  private emitLoad(node: Node): Expr[] {
    const m = this.module;
    const width = node.width as Width;
    const bytes = node.bytes as number;
    const address = this.local('i64');
    const entry = this.local('i32');
    const result = this.resultLocal(node);
    const out = [this.set(address, this.value(node.args[0] as Node)), this.set(entry, this.tlbEntry(address))];
    const hit = this.tlbHit(address, this.get(entry, 'i32'), node.modify ? L.TLB_WRITE : L.TLB_READ, bytes);
    const pointer = m.i32.add(m.i32.wrap(this.get(address, 'i64')), this.load32(this.get(entry, 'i32'), L.TLB_ADDEND));
    const a = this.get(address, 'i64');
    const slow: Expr[] = [this.setState32(L.CUR_REC, this.rec())];
    if (width === 128) slow.push(this.call('slowRead128', [a, this.accessSize(node, 0)], 'none'), this.leaveIfFault(), this.set(result, m.v128.load(L.MEM_SCRATCH, 1, this.i32(0), 'state')));
    else slow.push(this.set(result, this.narrow(this.call(node.modify ? 'slowReadForWrite' : 'slowRead', [a, this.accessSize(node, bytes)], 'i64'), width)), this.leaveIfFault());
    if (!node.modify) {
      out.push(this.when(hit, [this.set(result, this.ramLoad(width, pointer))], slow));
      return out;
    }
    // keeps the RAM pointer (or -1 after a slow access) for storeModified
    const place = this.local('i32');
    this.modifyPlaces.set(node, { place, address });
    out.push(this.when(hit, [this.set(result, this.ramLoad(width, this.tee(place, pointer, 'i32')))], [...slow, this.set(place, this.i32(-1))]));
    return out;
  }
  private readonly modifyPlaces = new Map<Node, { place: number; address: number }>();

  private emitStoreModified(node: Node): Expr[] {
    const m = this.module;
    const { place, address } = this.modifyPlaces.get(node.args[0] as Node) as { place: number; address: number };
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const kept = this.local(v.type);
    const slow = [
      this.setState32(L.CUR_REC, this.rec()),
      this.call('slowWrite', [this.get(address, 'i64'), this.accessSize(node.args[0] as Node, width / 8), this.widen(this.get(kept, v.type), width)], 'none'), this.leaveIfFault(),
    ];
    return [this.set(kept, this.value(v)), this.when(m.i32.ne(this.get(place, 'i32'), this.i32(-1)), [this.ramStore(width, this.get(place, 'i32'), this.get(kept, v.type))], slow)];
  }

  private emitStore(node: Node): Expr[] {
    const m = this.module;
    const v = node.args[1] as Node;
    const width = v.width as Width;
    const bytes = width / 8;
    const address = this.local('i64');
    const entry = this.local('i32');
    const kept = this.local(v.type);
    const out = [this.set(kept, this.value(v)), this.set(address, this.value(node.args[0] as Node)), this.set(entry, this.tlbEntry(address))];
    const hit = this.tlbHit(address, this.get(entry, 'i32'), L.TLB_WRITE, bytes);
    const pointer = m.i32.add(m.i32.wrap(this.get(address, 'i64')), this.load32(this.get(entry, 'i32'), L.TLB_ADDEND));
    const a = this.get(address, 'i64');
    const slow: Expr[] = [this.setState32(L.CUR_REC, this.rec())];
    const undo = node.then ? this.list(node.then) : [];
    if (width === 128) slow.push(m.v128.store(L.MEM_SCRATCH, 1, this.i32(0), this.get(kept, 'v128'), 'state'), this.call('slowWrite128', [a, this.accessSize(node, 0)], 'none'), this.leaveIfFault(undo));
    else slow.push(this.call('slowWrite', [a, this.accessSize(node, bytes), this.widen(this.get(kept, v.type), width)], 'none'), this.leaveIfFault(undo));
    out.push(this.when(hit, [this.ramStore(width, pointer, this.get(kept, v.type))], slow));
    return out;
  }

  /** Implicit operands (stack, strings, XLAT): flat modes add nothing to SS, ES and DS. */
  private emitLinear(node: Node): Expr[] {
    const m = this.module;
    const result = this.resultLocal(node);
    const offset = this.value(node.args[0] as Node);
    const segment = node.lane as number;
    const check = (number: Expr): Expr[] => [
      this.setState32(L.CUR_REC, this.rec()),
      this.set(result, this.call('segmentAddress', [this.get(result, 'i64'), number, this.i32(node.bytes as number), this.i32(node.constant as number)], 'i64')),
      this.leaveIfFault(),
    ];
    if (segment < 0) return [this.set(result, offset), this.when(m.i32.and(this.load8(this.rec(), L.REC_FLAGS), this.i32(L.REC_FLAG_SLOW)), check(m.i32.and(this.load8(this.rec(), L.REC_SEG), this.i32(7))))];
    if (this.facts.mode === 64) return [this.set(result, offset)];
    return [this.set(result, offset), this.when(m.i32.eqz(m.i32.and(this.state32(L.CTX), this.i32(L.MODE_FLAT))), check(this.i32(segment)))];
  }

  private emitNeed(unit: string): Expr[] {
    const blocked = unit === 'sse' ? L.SSE_BLOCKED : L.FPU_BLOCKED;
    const vector = this.call('blockedVector', [this.i32(unit === 'sse' ? 1 : unit === 'mmx' ? 2 : 0)], 'i32');
    const out = [this.when(this.state32(blocked), this.raise(vector, -1))];
    if (unit === 'fpu' || unit === 'mmx') out.push(this.when(this.call('x87_pending', [], 'i32'), this.raise(this.i32(16), -1)));
    return out;
  }

  // --- control ---------------------------------------------------------------------------------
  /** BUDGET -= instructions of the block up to and including this one; counts the block's heat. */
  private charge(): Expr {
    const m = this.module;
    const n = m.i32.add(this.load8(this.rec(), L.REC_ORDINAL), this.i32(1));
    const heat = this.local('i32');
    return this.block([
      this.setState32(L.BUDGET, m.i32.sub(this.state32(L.BUDGET), n)),
      this.store32(this.rec(), L.REC_HEAT, this.tee(heat, m.i32.add(this.load32(this.rec(), L.REC_HEAT), this.i32(1)), 'i32')),
      this.when(m.i32.eq(this.get(heat, 'i32'), this.state32(L.HOT_LIMIT)), [this.call('hot', [this.rec()], 'none')]),
    ]);
  }
  private leaveIfSpent(): Expr {
    return this.when(this.module.i32.le_s(this.state32(L.BUDGET), this.i32(0)), [this.module.return()]);
  }
  /** Goes on at state RIP through the jump cache; a non-zero slot is the address where the found record is linked. */
  private dispatch(slot: Expr): Expr {
    return this.module.return_call('dispatch', [slot], TYPES.none);
  }

  private emitSystem(node: Node): Expr[] {
    const next = this.local('i64');
    const args = node.args.map((_, i) => {
      const a = node.args[i] as Node;
      const local = this.local(a.type);
      return { local, type: a.type, set: this.set(local, this.value(a)) };
    });
    return [
      ...args.map((a) => a.set),
      this.set(next, this.ripAfter()),
      this.setState64(L.RIP, this.ripHere()),
      this.setState64(L.NEXT_RIP, this.get(next, 'i64')),
      this.setState32(L.CUR_REC, this.rec()),
      this.charge(),
      this.call(node.name as string, args.map((a) => this.get(a.local, a.type)), 'none'),
      this.leaveIfSpent(),
      this.dispatch(this.i32(0)),
    ];
  }

  /** Enters the linked record of a chain slot, or dispatches and links. */
  private follow(slotOffset: number): Expr[] {
    const m = this.module;
    const linked = this.local('i32');
    return [
      this.leaveIfSpent(),
      this.set(linked, this.load32(this.rec(), slotOffset)),
      this.when(m.i32.gt_u(this.get(linked, 'i32'), this.i32(1)), [this.enter(linked)]),
      this.dispatch(m.select(this.get(linked, 'i32'), m.i32.add(this.rec(), this.i32(slotOffset)), this.i32(0))),
    ];
  }
  private enter(local: number): Expr {
    return this.module.return_call_indirect('table', this.load32(this.get(local, 'i32'), L.REC_HANDLER), [this.get(local, 'i32')], TYPES.i32, TYPES.none);
  }

  private emitBranch(node: Node): Expr[] {
    const m = this.module;
    const condition = node.args[0] ? this.value(node.args[0]) : null;
    const target = this.local('i64');
    const taken: Expr[] = [this.set(target, this.cutRip(m.i64.add(this.state64(L.RIP), this.load64(this.rec(), L.REC_IMM))))];
    if (this.facts.mode !== 64) {
      taken.push(this.when(m.i64.gt_u(this.get(target, 'i64'), m.i64.load32_u(L.SEG_CS + L.SEG_LIMIT, 1, this.i32(0), 'state')), this.raise(this.i32(13), 0)));
    }
    taken.push(this.charge(), this.setState64(L.RIP, this.get(target, 'i64')), ...this.follow(L.REC_CHAIN));
    if (condition === null) return taken;
    return [this.when(condition, taken), this.charge(), this.setState64(L.RIP, this.ripAfter()), ...this.follow(L.REC_CHAIN_NOT)];
  }

  private emitJump(target: Expr): Expr[] {
    const local = this.local('i64');
    const out = [this.set(local, target)];
    const get = (): Expr => this.get(local, 'i64');
    if (this.facts.mode !== 64) out.push(this.when(this.module.i64.gt_u(get(), this.module.i64.load32_u(L.SEG_CS + L.SEG_LIMIT, 1, this.i32(0), 'state')), this.raise(this.i32(13), 0)));
    // the slot remembers the last target, for the translator
    return [...out, this.charge(), this.setState64(L.RIP, get()), this.leaveIfSpent(), this.dispatch(this.module.i32.add(this.rec(), this.i32(L.REC_CHAIN)))];
  }

  /** Goes to the next record: the end of every handler that falls through. */
  next(): Expr {
    const m = this.module;
    const next = m.i32.add(this.rec(), this.i32(L.REC_SIZE));
    return m.return_call_indirect('table', this.load32(this.rec(), L.REC_SIZE + L.REC_HANDLER), [next], TYPES.i32, TYPES.none);
  }
}

