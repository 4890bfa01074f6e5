/** Reads the recorded hardware vectors (format HWVEC1, described in the README beside them). */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Bits of `Vector.flags`. */
export const VF_FAULT = 1;
export const VF_APPROX = 2;
export const VF_SEQ = 4;
export const VF_LOOP = 8;
export const VF_X87 = 16;
export const VF_SSE = 32;
export const VF_MMX = 64;
export const VF_VENDOR = 4096;

/** CPU state before or after a vector. */
export interface VectorState {
  gpr: bigint[];
  eflags: number;
  mxcsr: number;
  fcw: number;
  fsw: number;
  ftw: number;
  st: { sig: bigint; se: number }[];
  xmm: Uint8Array[];
}

/** One recorded snippet. */
export interface Vector {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  readonly instructions: number;
  readonly codeOffset: number;
  readonly code: Uint8Array;
  readonly before: VectorState;
  readonly after: VectorState;
  readonly memory: Uint8Array;
  readonly memoryAfter: Uint8Array;
  readonly eflagsMask: number;
  readonly fswMask: number;
  readonly trap: number;
}

/** A vector file. */
export interface VectorFile {
  readonly mode: number;
  readonly code: number;
  readonly data: number;
  vectors(): Generator<Vector>;
}

const folder = process.env['XYLEM_VECTORS'] ?? fileURLToPath(new URL('../../../../../shared/vectors', import.meta.url));

/** Path of a vector file, or undefined when the vectors are not installed. */
export function vectorPath(name: string): string | undefined {
  const path = `${folder}/${name}`;
  return existsSync(path) ? path : undefined;
}

/** Opens a vector file. */
export function openVectors(path: string): VectorFile {
  const b = readFileSync(path);
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  const u16 = (o: number): number => view.getUint16(o, true);
  const u32 = (o: number): number => view.getUint32(o, true);
  const text = (o: number, n: number): string => b.toString('latin1', o, o + n).replace(/\0.*$/s, '');
  if (text(0, 6) !== 'HWVEC1') throw new Error('not a vector file');
  const [imgSize, statesOff, imgOff, namesOff, vecOff, stateSize] = [u32(40), u32(44), u32(48), u32(52), u32(56), u32(64)];
  const f80 = (o: number): { sig: bigint; se: number } => ({ sig: view.getBigUint64(o, true), se: u16(o + 8) });
  const state = (i: number): VectorState & { image: number } => {
    const o = statesOff + i * stateSize;
    return {
      gpr: Array.from({ length: 16 }, (_, k) => view.getBigUint64(o + 8 * k, true)),
      eflags: u32(o + 128),
      mxcsr: u32(o + 132),
      fcw: u16(o + 136),
      fsw: u16(o + 138),
      ftw: view.getUint8(o + 140),
      image: view.getUint8(o + 141),
      st: Array.from({ length: 8 }, (_, k) => f80(o + 144 + 10 * k)),
      xmm: Array.from({ length: 16 }, (_, k) => b.subarray(o + 224 + 16 * k, o + 240 + 16 * k)),
    };
  };
  /** Applies one item; returns its length. */
  const set = (s: VectorState, id: number, o: number): number => {
    if (id < 16) s.gpr[id] = view.getBigUint64(o, true);
    else if (id === 16) s.eflags = u32(o);
    else if (id === 17) s.mxcsr = u32(o);
    else if (id === 18) s.fcw = u16(o);
    else if (id === 19) s.fsw = u16(o);
    else if (id === 20) s.ftw = view.getUint8(o);
    else if (id < 48) s.xmm[id - 32] = b.subarray(o, o + 16);
    else s.st[id - 48] = f80(o);
    return id < 16 ? 8 : id <= 17 ? 4 : id < 32 ? 2 : id < 48 ? 16 : 10;
  };
  const items = (s: VectorState, from: number): number => {
    let q = from + 1;
    for (let k = view.getUint8(from); k > 0; k--) q += 1 + set(s, view.getUint8(q), q + 1);
    return q;
  };
  const patches = (target: Uint8Array, from: number, count: number): number => {
    let q = from;
    for (let k = count; k > 0; k--) {
      const length = view.getUint8(q + 2);
      target.set(b.subarray(q + 3, q + 3 + length), u16(q));
      q += 3 + length;
    }
    return q;
  };
  return {
    mode: u32(12),
    code: u32(32),
    data: u32(36),
    *vectors() {
      let p = vecOff;
      for (let index = 0; index < u32(24); index++) {
        let q = p + 2;
        const codeLength = view.getUint8(q + 10);
        const head = {
          index,
          name: text(namesOff + 16 * u16(q), 16),
          flags: u16(q + 2),
          instructions: view.getUint8(q + 7),
          codeOffset: u16(q + 8),
          code: b.subarray(q + 11, q + 11 + codeLength),
        };
        const { image, ...before } = state(u16(q + 4));
        q = items(before, q + 11 + codeLength);
        const memory = new Uint8Array(b.subarray(imgOff + image * imgSize, imgOff + (image + 1) * imgSize));
        q = patches(memory, q + 1, view.getUint8(q));
        const result = { eflagsMask: u32(q), fswMask: u16(q + 4), trap: view.getUint8(q + 6) };
        const after: VectorState = {
          ...before,
          gpr: [...before.gpr],
          st: [...before.st],
          xmm: [...before.xmm],
          eflags: u32(q + 23),
          fsw: before.fsw & result.fswMask,
        };
        q = items(after, q + 27);
        const memoryAfter = new Uint8Array(memory);
        patches(memoryAfter, q + 2, u16(q));
        yield { ...head, before, after, memory, memoryAfter, ...result };
        p += u16(p);
      }
    },
  };
}
