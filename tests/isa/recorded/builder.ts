import { ARENA, ARENA_BYTES, CODE, GDT, STATE, STACK3 } from './layout.ts';

/** Bytes that a case puts somewhere before it runs. */
export interface Poke {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** A case: code in a state. */
export interface SystemCase {
  readonly name: string;
  readonly pokes: readonly Poke[];
}

/** What a case changes of the default state. */
export interface CaseOptions {
  /** Machine code as hex digits; INT3 follows. */
  readonly code: string;
  readonly ring?: 0 | 3;
  /** Code size. */
  readonly bits?: 16 | 32 | 64;
  /** Words of the state by name. */
  readonly state?: Readonly<Record<string, number | bigint>>;
  /** Descriptors by selector. */
  readonly gdt?: Readonly<Record<number, bigint>>;
  /** Eight-byte words of memory by address. */
  readonly memory?: Readonly<Record<number, bigint>>;
}

/** A little-endian number of `n` bytes. */
export function littleEndian(value: bigint, n: number): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => Number((BigInt.asUintN(64, value) >> BigInt(8 * i)) & 0xffn));
}

/** Code segments by privilege and code size, and data segments by privilege. */
export interface Selectors {
  readonly code: Readonly<Record<0 | 3, Readonly<Record<number, number>>>>;
  readonly data: Readonly<Record<0 | 3, number>>;
}

/** 16-bit code has a base, so that it begins at a small IP. */
const rip = (bits: number): number => (bits === 16 ? CODE & 0xfff : CODE);

/** Makes a case of the default state and what differs from it. */
export function makeCase(name: string, options: CaseOptions, selectors: Selectors, native: 32 | 64): SystemCase {
  const { code, ring = 0, bits = native, state = {}, gdt = {}, memory = {} } = options;
  const pokes: Poke[] = [];
  const word = (address: number, value: number | bigint): void => {
    pokes.push({ address, bytes: littleEndian(BigInt(value), 8) });
  };
  const set: Record<string, number | bigint> = {};
  if (ring === 3) {
    const data = selectors.data[3];
    Object.assign(set, { ss: data, ds: data, es: data, rsp: STACK3 });
  }
  if (ring === 3 || bits !== native) Object.assign(set, { cs: selectors.code[ring][bits] as number, rip: rip(bits) });
  for (const [key, value] of Object.entries({ ...set, ...state })) {
    const address = STATE.get(key);
    if (address === undefined) throw new Error(`the state has no ${key}`);
    word(address, value);
  }
  for (const [selector, value] of Object.entries(gdt)) word(GDT + Number(selector), value);
  for (const [address, value] of Object.entries(memory)) word(Number(address), value);
  pokes.push({ address: CODE, bytes: Uint8Array.from(Buffer.from(code.replaceAll(' ', ''), 'hex')) });
  return { name, pokes };
}

/** The arena before any case: words by address, the rest zero. */
export class Template {
  readonly bytes = new Uint8Array(ARENA_BYTES);
  private readonly view = new DataView(this.bytes.buffer);

  word(address: number, value: number | bigint): void {
    this.view.setBigUint64(address - ARENA, BigInt.asUintN(64, BigInt(value)), true);
  }
  state(name: string, value: number | bigint): void {
    this.word(STATE.get(name) as number, value);
  }
  fill(address: number, length: number, byte: number): void {
    this.bytes.fill(byte, address - ARENA, address - ARENA + length);
  }
}

/** Most bytes of a module: the guest finds it below the arena. */
const MOST = 0x2e0000;

/** The module that a guest takes its cases from. */
export function moduleOf(template: Uint8Array, cases: readonly SystemCase[]): Uint8Array {
  const parts: Uint8Array[] = [template];
  for (const { pokes } of cases) {
    for (const { address, bytes } of pokes) parts.push(littleEndian(BigInt(address), 4), littleEndian(BigInt(bytes.length), 2), bytes);
    parts.push(new Uint8Array(4));
  }
  parts.push(littleEndian(0xffffffffn, 4));
  const module = Buffer.concat(parts);
  if (module.length > MOST) throw new Error(`${module.length} bytes of cases, and ${MOST} fit`);
  return module;
}
