import { type Expr, type Type, TYPES, typeList } from '../emit/wasm-types.ts';
import type { WasmModule } from '../emit/wasm-module.ts';
import * as L from '../state/vcpu-layout.ts';

/** Codes of operations that set all flags, in the low byte of the dynamic flag word; the width stands in the next one. */
export const KIND_CODE = { add: 1, adc: 2, sub: 3, sbb: 4, logic: 5, inc: 6, dec: 7, result: 8 } as const;
/** Where single flags stand in the dynamic flag word: which (FLAG_BIT), and 8 bits above, their values. */
export const OVERRIDE_SHIFT = 16;

const { i32, i64, none } = TYPES;

/** Builders for functions whose parameters are all read where they are. */
class Writer {
  readonly m: WasmModule;
  constructor(m: WasmModule) {
    this.m = m;
  }
  i32(v: number): Expr {
    return this.m.i32.const(v);
  }
  i64(v: number): Expr {
    return this.m.i64.const(v);
  }
  get(n: number, type: Type = i64): Expr {
    return this.m.local.get(n, type);
  }
  state64(at: number): Expr {
    return this.m.i64.load(at, 1, this.i32(0), 'state');
  }
  state32(at: number): Expr {
    return this.m.i32.load(at, 1, this.i32(0), 'state');
  }
  /** Address of the TLB entry for the linear address in a parameter. */
  tlbEntry(address: number): Expr {
    const { m } = this;
    const index = m.i32.and(m.i32.wrap(m.i64.shr_u(this.get(address), this.i64(7))), this.i32((L.TLB_ENTRIES - 1) * L.TLB_ENTRY_SIZE));
    return m.i32.add(this.state32(L.TLB_BASE), index);
  }
  /** Stores the three lazy words from a result, carries in their place and the bits of FLAG_AUX. */
  words(result: Expr, carries: Expr, aux: Expr): Expr[] {
    const { m } = this;
    return [
      m.i64.store(L.FLAG_RES, 1, this.i32(0), result, 'state'),
      m.i64.store(L.FLAG_COUT, 1, this.i32(0), carries, 'state'),
      m.i32.store(L.FLAG_AUX, 1, this.i32(0), aux, 'state'),
    ];
  }
  /** A value of the operation's width, sign-extended. */
  extended(value: Expr, shift: number): Expr {
    return this.m.i64.shr_s(this.m.i64.shl(value, this.get(shift)), this.get(shift));
  }
  not(value: Expr): Expr {
    return this.m.i64.xor(value, this.i64(-1));
  }
  bit4(value: Expr): Expr {
    return this.m.i32.and(this.m.i32.wrap(value), this.i32(16));
  }
  function(name: string, params: number, body: Expr[]): void {
    this.m.addFunction(name, typeList(Array.from({ length: params }, () => 'i64')), none, [], this.m.block(null, body));
  }
}

/** `flushAdd` and `flushSub`: parameters a, b, r and 64 - width. */
function addition(w: Writer, name: string, subtract: boolean): void {
  const { m } = w;
  const a = (): Expr => (subtract ? w.not(w.get(0)) : w.get(0));
  const r = (): Expr => (subtract ? w.get(2) : w.not(w.get(2)));
  const carries = m.i64.or(m.i64.and(a(), w.get(1)), m.i64.and(m.i64.or(a(), w.get(1)), r()));
  const aux = w.bit4(m.i64.xor(m.i64.xor(w.get(0), w.get(1)), w.get(2)));
  w.function(name, 4, w.words(w.extended(w.get(2), 3), m.i64.shl(carries, w.get(3)), aux));
}

/** `flushLogic`: parameters r and 64 - width. */
function logic(w: Writer): void {
  w.function('flushLogic', 2, w.words(w.extended(w.get(0), 1), w.i64(0), w.i32(0)));
}

/** `flushInc` and `flushDec`: parameters carry, r and 64 - width. */
function step(w: Writer, name: string, decrement: boolean): void {
  const { m } = w;
  const before = (): Expr => (decrement ? m.i64.add(w.get(1), w.i64(1)) : m.i64.sub(w.get(1), w.i64(1)));
  const overflow = m.i64.eq(m.i64.shl(decrement ? before() : w.get(1), w.get(2)), m.i64.const(-(1n << 63n)));
  const carries = m.i64.xor(m.i64.and(m.i64.sub(w.i64(0), w.get(0)), m.i64.const(-(1n << 62n))), m.i64.shl(m.i64.extend_u(overflow), w.i64(62)));
  w.function(name, 3, w.words(w.extended(w.get(1), 2), carries, w.bit4(m.i64.xor(before(), w.get(1)))));
}

/** `flushResult`: parameters CF, OF and AF as bits 0, 1 and 2, r and 64 - width. */
function result(w: Writer): void {
  const { m } = w;
  const overflow = m.i64.and(m.i64.xor(w.get(0), m.i64.shr_u(w.get(0), w.i64(1))), w.i64(1));
  const carries = m.i64.or(m.i64.shl(w.get(0), w.i64(63)), m.i64.shl(overflow, w.i64(62)));
  const aux = m.i32.and(m.i32.shl(m.i32.wrap(w.get(0)), w.i32(2)), w.i32(16));
  w.function('flushResult', 3, w.words(w.extended(w.get(1), 2), carries, aux));
}

/** `flushDynamic`: the dynamic flag word, then what its kind keeps of a, b and r. */
function dynamic(w: Writer): void {
  const { m } = w;
  const shift = (): Expr => m.i64.extend_u(m.i32.sub(w.i32(64), m.i32.and(m.i32.shr_u(w.get(0, i32), w.i32(8)), w.i32(127))));
  const [a, b, r] = [(): Expr => w.get(1), (): Expr => w.get(2), (): Expr => w.get(3)];
  const flush = (name: string, ...args: Expr[]): Expr => m.call(name, [...args, shift()], none);
  const cases: Expr[] = [
    flush('flushAdd', a(), b(), m.i64.add(a(), b())),
    flush('flushAdd', a(), b(), r()),
    flush('flushSub', a(), b(), m.i64.sub(a(), b())),
    flush('flushSub', a(), b(), r()),
    flush('flushLogic', r()),
    flush('flushInc', b(), r()),
    flush('flushDec', b(), r()),
    flush('flushResult', b(), r()),
  ];
  const labels = ['done', ...cases.map((_, i) => `k${i}`)];
  let inside: Expr = m.block(null, [m.switch(labels, 'done', m.i32.and(w.get(0, i32), w.i32(255)))]);
  for (const [i, body] of cases.entries()) inside = m.block(null, [m.block(`k${i}`, [inside]), body, m.br('done')]);
  const over = (): Expr => m.i32.shr_u(w.get(0, i32), w.i32(OVERRIDE_SHIFT));
  m.addFunction(
    'flushDynamic',
    typeList(['i32', 'i64', 'i64', 'i64']),
    none,
    [],
    m.block(null, [m.block('done', [inside]), m.if(over(), m.call('overrideFlags', [over()], none))]),
  );
}

/** `overrideFlags`: sets single flags in the lazy words: bits 5-0 which (FLAG_BIT), bits 13-8 their values. */
function override(w: Writer): void {
  const { m } = w;
  const [WORD, FLAGS, LOW, CARRIES] = [0, 1, 2, 3];
  const g = (n: number): Expr => w.get(n, i32);
  const bit = (value: Expr, at: number): Expr => m.i32.and(m.i32.shr_u(value, w.i32(at)), w.i32(1));
  const or = (...values: Expr[]): Expr => values.reduce((x, y) => m.i32.or(x, y));
  const carries = (): Expr => w.get(CARRIES);
  const aux = (): Expr => w.state32(L.FLAG_AUX);
  const sign = m.i32.xor(m.i32.wrap(m.i64.shr_u(w.state64(L.FLAG_RES), w.i64(63))), bit(aux(), 7));
  const old = or(
    m.i32.wrap(m.i64.shr_u(carries(), w.i64(63))),
    m.i32.shl(m.i32.wrap(m.i64.shr_u(m.i64.xor(carries(), m.i64.shl(carries(), w.i64(1))), w.i64(63))), w.i32(5)),
    m.i32.shl(m.i32.and(m.i32.xor(m.i32.popcnt(m.i32.and(g(LOW), w.i32(255))), w.i32(1)), w.i32(1)), w.i32(1)),
    m.i32.shl(bit(aux(), 4), w.i32(2)),
    m.i32.shl(m.i64.eqz(w.state64(L.FLAG_RES)), w.i32(3)),
    m.i32.shl(sign, w.i32(4)),
  );
  const now = m.i32.and(or(m.i32.and(old, m.i32.xor(g(WORD), w.i32(-1))), m.i32.and(m.i32.shr_u(g(WORD), w.i32(8)), g(WORD))), w.i32(63));
  const parity = m.i32.xor(bit(g(FLAGS), 1), bit(g(FLAGS), 3));
  const newAux = or(m.i32.shl(m.i32.and(g(FLAGS), w.i32(4)), w.i32(2)), m.i32.shl(m.i32.and(g(FLAGS), w.i32(16)), w.i32(3)), m.i32.shl(parity, w.i32(8)));
  const cf = (): Expr => m.i64.extend_u(m.i32.and(g(FLAGS), w.i32(1)));
  const newCarries = m.i64.or(m.i64.shl(cf(), w.i64(63)), m.i64.shl(m.i64.xor(cf(), m.i64.extend_u(bit(g(FLAGS), 5))), w.i64(62)));
  m.addFunction(
    'overrideFlags',
    i32,
    none,
    [i32, i32, i64],
    m.block(null, [
      m.local.set(CARRIES, w.state64(L.FLAG_COUT)),
      m.local.set(LOW, m.i32.xor(m.i32.wrap(w.state64(L.FLAG_RES)), m.i32.shr_u(aux(), w.i32(8)))),
      m.local.set(FLAGS, now),
      ...w.words(m.i64.extend_u(m.i32.eqz(m.i32.and(g(FLAGS), w.i32(8)))), newCarries, newAux),
    ]),
  );
}

/** Parameters of functions that reach memory: address, and bytes with MISS_STACK for accesses to the stack. */
const [ADDRESS, SIZE, ENTRY] = [0, 1, 2];
/** Bits of the number of bytes in the second parameter. */
const SIZE_MASK = 0xff;

/** What a function that reaches memory does when the TLB misses. */
function onMiss(w: Writer, probe: string): Expr {
  const { m } = w;
  const wide = probe === 'slowProbeRead';
  const found = m.call(probe, [w.get(ADDRESS), w.get(SIZE, i32)], wide ? i64 : i32);
  const distance = m.i32.sub(w.get(ENTRY, i32), m.i32.wrap(w.get(ADDRESS)));
  const address = m.local.set(ENTRY, wide ? m.i32.wrap(found) : found);
  // -1 is no RAM address
  return m.block(null, [address, m.if(m.i32.eq(w.get(ENTRY, i32), w.i32(-1)), m.return(m.i64.const(-1))), m.return(m.i64.extend_u(distance))]);
}

/** A function that finds the page of an access: what to add to its address for RAM, or -1 when that is not all there is to do. */
function reach(w: Writer, name: string, tag: number, probe: string): void {
  const { m } = w;
  const entry = m.local.tee(ENTRY, w.tlbEntry(ADDRESS), i32);
  const size = m.i32.sub(m.i32.and(w.get(SIZE, i32), w.i32(SIZE_MASK)), w.i32(1));
  const page = m.i64.and(m.i64.add(w.get(ADDRESS), m.i64.extend_u(size)), w.i64(-4096));
  m.addFunction(
    name,
    typeList(['i64', 'i32']),
    i64,
    [i32],
    m.block(
      null,
      [m.if(m.i64.ne(page, m.i64.load(tag, 1, entry, 'state')), onMiss(w, probe), 0, 'unlikely'), m.i64.load32_u(L.TLB_ADDEND, 1, w.get(ENTRY, i32), 'state')],
      i64,
    ),
  );
}

/** `pageMoved`: true unless code at an address (parameters: RIP, physical address) is where it was. */
function pageMoved(w: Writer): void {
  const { m } = w;
  const [RIP, PHYSICAL] = [0, 1];
  const entry = m.local.tee(ENTRY, w.tlbEntry(RIP), i32);
  const elsewhere = m.i64.ne(m.i64.load(L.TLB_EXECUTE, 1, entry, 'state'), m.i64.and(w.get(RIP), w.i64(-4096)));
  const now = m.i32.add(m.i32.wrap(w.get(RIP)), m.i32.load(L.TLB_ADDEND, 1, w.get(ENTRY, i32), 'state'));
  m.addFunction('pageMoved', typeList(['i64', 'i32']), i32, [i32], m.block(null, [m.i32.or(elsewhere, m.i32.ne(now, w.get(PHYSICAL, i32)))], i32));
}

/** `reachShared`: `reachLoad`, with bit 32 set when the page may be written to as well. */
function reachShared(w: Writer): void {
  const { m } = w;
  const FOUND = 2;
  const tag = m.i64.load(L.TLB_WRITE, 1, w.tlbEntry(ADDRESS), 'state');
  const writable = m.i64.eq(m.i64.and(w.get(ADDRESS), w.i64(-4096)), tag);
  const found = m.local.tee(FOUND, m.call('reachLoad', [w.get(ADDRESS), w.get(SIZE, i32)], i64), i64);
  m.addFunction(
    'reachShared',
    typeList(['i64', 'i32']),
    i64,
    [i64],
    // -1 stays negative, whatever is added
    m.block(null, [m.i64.or(found, m.i64.shl(m.i64.extend_u(writable), w.i64(32)))], i64),
  );
}

/** `missedJump`: tells that the indirect jump of a block (parameter: its record) went where its region does not know. */
function missedJump(w: Writer): void {
  const { m } = w;
  const [RECORD, TARGET, COUNT] = [0, 1, 2];
  const count = (): Expr => w.get(COUNT, i32);
  const slot = (): Expr => m.i32.shl(m.i32.and(count(), w.i32(L.MISSED_JUMPS_KEPT - 1)), w.i32(4));
  const body = [
    m.local.set(COUNT, w.state32(L.MISSED_JUMPS)),
    m.i32.store(L.MISSED_JUMPS_RING, 1, slot(), w.get(RECORD, i32), 'state'),
    m.i64.store(L.MISSED_JUMPS_RING + 8, 1, slot(), w.get(TARGET), 'state'),
    m.i32.store(L.MISSED_JUMPS, 1, w.i32(0), m.i32.add(count(), w.i32(1)), 'state'),
  ];
  m.addFunction('missedJump', typeList(['i32', 'i64']), none, [i32], m.block(null, body));
}

/** Functions of the microcode that the shared functions call. */
export const CALLED_BY_SHARED: readonly string[] = ['slowProbeRead', 'slowProbeWrite'];

/** Adds the functions that all regions of a module share. */
export function addSharedFunctions(module: WasmModule): void {
  const w = new Writer(module);
  addition(w, 'flushAdd', false);
  addition(w, 'flushSub', true);
  logic(w);
  step(w, 'flushInc', false);
  step(w, 'flushDec', true);
  result(w);
  override(w);
  dynamic(w);
  missedJump(w);
  pageMoved(w);
  reach(w, 'reachLoad', L.TLB_READ, 'slowProbeRead');
  reachShared(w);
  reach(w, 'reachStore', L.TLB_WRITE, 'slowProbeWrite');
}
