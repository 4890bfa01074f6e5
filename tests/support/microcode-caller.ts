import type { Node, WasmType } from '../../jit/ir/node.ts';

/** Encodings: type, load and store instruction of each type. */
const CODES: Readonly<Record<Exclude<WasmType, 'none'>, { readonly type: number; readonly load: readonly number[]; readonly store: readonly number[] }>> = {
  i32: { type: 0x7f, load: [0x28], store: [0x36] },
  i64: { type: 0x7e, load: [0x29], store: [0x37] },
  f32: { type: 0x7d, load: [0x2a], store: [0x38] },
  f64: { type: 0x7c, load: [0x2b], store: [0x39] },
  v128: { type: 0x7b, load: [0xfd, 0x00], store: [0xfd, 0x0b] },
};
const SLOT_BYTES = 16;
const RESULT = 8 * SLOT_BYTES;
const NO_OFFSET = [0, 0];

const section = (id: number, body: readonly number[]): number[] => [id, ...leb(body.length), ...body];
const text = (s: string): number[] => [s.length, ...Buffer.from(s)];

/** A number up to 8191, as the format writes it, signed or not. */
function leb(n: number): number[] {
  return n < 64 ? [n] : [(n & 0x7f) | 0x80, n >> 7];
}

/** A module that calls an imported function with arguments from its memory and puts the result there: JavaScript cannot pass vectors. */
function shim(parameters: readonly WasmType[], result: WasmType): Uint8Array<ArrayBuffer> {
  const code = (type: WasmType) => CODES[type as Exclude<WasmType, 'none'>];
  const results = result === 'none' ? [] : [code(result).type];
  const loads = parameters.flatMap((type, i) => [0x41, ...leb(i * SLOT_BYTES), ...code(type).load, ...NO_OFFSET]);
  const store = result === 'none' ? [] : [...code(result).store, ...NO_OFFSET];
  const body = [0, ...(result === 'none' ? [] : [0x41, ...leb(RESULT)]), ...loads, 0x10, 0, ...store, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, parameters.length, ...parameters.map((type) => code(type).type), results.length, ...results, 0x60, 0, 0]),
    ...section(2, [1, ...text('m'), ...text('f'), 0, 0]),
    ...section(3, [1, 1]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...text('call'), 0, 1, ...text('memory'), 2, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

interface Shim {
  readonly call: () => void;
  readonly view: DataView;
}

/** Calls routines of the microcode with numbers of any type, 128-bit ones included, all as unsigned bits. */
export class MicrocodeCaller {
  private readonly exports: Readonly<Record<string, unknown>>;
  private readonly shims = new Map<string, Shim>();

  /** @param exports - of an interpreter instance, whose state the routines work on */
  constructor(exports: object) {
    this.exports = exports as Readonly<Record<string, unknown>>;
  }

  private shimOf(name: string, parameters: readonly WasmType[], result: WasmType): Shim {
    const known = this.shims.get(name);
    if (known !== undefined) return known;
    const module = new WebAssembly.Module(shim(parameters, result));
    const instance = new WebAssembly.Instance(module, { m: { f: this.exports[name] as WebAssembly.ImportValue } });
    const { call, memory } = instance.exports as unknown as { call: () => void; memory: WebAssembly.Memory };
    const made = { call, view: new DataView(memory.buffer) };
    this.shims.set(name, made);
    return made;
  }

  /** The value of a `call` node. */
  call(n: Node, args: readonly bigint[]): bigint {
    const { call, view } = this.shimOf(
      n.name as string,
      n.args.map(({ type }) => type),
      n.type,
    );
    for (const [i, v] of args.entries()) {
      view.setBigUint64(i * SLOT_BYTES, BigInt.asUintN(64, v), true);
      view.setBigUint64(i * SLOT_BYTES + 8, BigInt.asUintN(64, v >> 64n), true);
    }
    call();
    const low = view.getBigUint64(RESULT, true);
    if (n.type === 'i32' || n.type === 'f32') return BigInt.asUintN(32, low);
    return n.type === 'v128' ? low | (view.getBigUint64(RESULT + 8, true) << 64n) : low;
  }
}
