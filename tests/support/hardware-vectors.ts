import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Processor state of a vector: inputs or outputs. */
export interface VectorState {
  gpr: bigint[];
  eflags: number;
  mxcsr: number;
  fcw: number;
  fsw: number;
  ftw: number;
  /** ST(0) to ST(7), 10 bytes each. */
  st: Uint8Array[];
  xmm: Uint8Array[];
}

/** One recorded snippet. */
export interface Vector {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  readonly feature: string;
  readonly codeOffset: number;
  readonly code: Uint8Array;
  readonly initial: VectorState;
  readonly memory: Uint8Array;
  readonly eflagsMask: number;
  readonly fswMask: number;
  readonly trap: number;
  readonly errorCode: number;
  readonly cr2: bigint;
  readonly ip: number;
  readonly final: VectorState;
  readonly finalMemory: Uint8Array;
}

/** Flag bits of a vector. */
export const VECTOR_FLAG = { fault: 1, approximate: 2, sequence: 4, loop: 8, x87: 16, sse: 32, mmx: 64, pageFault: 128, fpException: 256, privileged: 512, crossesPage: 1024, branch: 2048, vendor: 4096 } as const;

const FEATURES = ['base', '486', 'cx8', 'cmov', 'x87', 'mmx', 'sse', 'sse2', 'sse3', 'ssse3', 'sse41', 'sse42', 'popcnt', 'lzcnt', 'bmi1', 'bmi2', 'adx', 'movbe', 'aes', 'pclmul', 'sha', 'cx16'];
const itemLength = (id: number): number => (id < 16 ? 8 : id <= 17 ? 4 : id < 32 ? 2 : id < 48 ? 16 : 10);

/** Directory of the recorded vectors: XYLEM_VECTORS, or `shared/vectors` beside the checkout; null when absent. */
export function vectorDirectory(): string | null {
  const directory = process.env['XYLEM_VECTORS'] ?? join(import.meta.dirname, '../../../shared/vectors');
  return existsSync(join(directory, 'hw64.bin')) ? directory : null;
}

/** A file of vectors. */
export class VectorFile {
  readonly mode: 16 | 32 | 64;
  readonly codeAddress: number;
  readonly dataAddress: number;
  readonly imageSize: number;
  readonly count: number;
  private readonly b: Buffer;

  constructor(path: string) {
    const b = readFileSync(path);
    if (b.toString('latin1', 0, 6) !== 'HWVEC1') throw new Error(`${path} is no file of hardware vectors`);
    this.b = b;
    this.mode = b.readUInt32LE(12) as 16 | 32 | 64;
    this.count = b.readUInt32LE(24);
    this.codeAddress = b.readUInt32LE(32);
    this.dataAddress = b.readUInt32LE(36);
    this.imageSize = b.readUInt32LE(40);
  }

  private state(index: number): VectorState & { image: number } {
    const b = this.b;
    const o = b.readUInt32LE(44) + index * b.readUInt32LE(64);
    return {
      gpr: Array.from({ length: 16 }, (_, k) => b.readBigUInt64LE(o + 8 * k)),
      eflags: b.readUInt32LE(o + 128), mxcsr: b.readUInt32LE(o + 132), fcw: b.readUInt16LE(o + 136), fsw: b.readUInt16LE(o + 138),
      ftw: b[o + 140] as number, image: b[o + 141] as number,
      st: Array.from({ length: 8 }, (_, k) => b.subarray(o + 144 + 10 * k, o + 154 + 10 * k)),
      xmm: Array.from({ length: 16 }, (_, k) => b.subarray(o + 224 + 16 * k, o + 240 + 16 * k)),
    };
  }

  private apply(s: VectorState, id: number, o: number): void {
    const b = this.b;
    if (id < 16) s.gpr[id] = b.readBigUInt64LE(o);
    else if (id === 16) s.eflags = b.readUInt32LE(o);
    else if (id === 17) s.mxcsr = b.readUInt32LE(o);
    else if (id === 18) s.fcw = b.readUInt16LE(o);
    else if (id === 19) s.fsw = b.readUInt16LE(o);
    else if (id === 20) s.ftw = b[o] as number;
    else if (id < 48) s.xmm[id - 32] = b.subarray(o, o + 16);
    else s.st[id - 48] = b.subarray(o, o + 10);
  }

  /** All vectors in order. */
  *vectors(): Generator<Vector> {
    const b = this.b;
    const names = b.readUInt32LE(52);
    const images = b.readUInt32LE(48);
    let p = b.readUInt32LE(56);
    for (let index = 0; index < this.count; index++) {
      const length = b.readUInt16LE(p);
      let q = p + 2;
      const nameAt = names + 16 * b.readUInt16LE(q);
      const name = b.toString('latin1', nameAt, nameAt + 16).replace(/\0.*/s, '');
      const flags = b.readUInt16LE(q + 2);
      const { image, ...initial } = this.state(b.readUInt16LE(q + 4));
      const feature = FEATURES[b[q + 6] as number] as string;
      const codeOffset = b.readUInt16LE(q + 8);
      const codeLength = b[q + 10] as number;
      const code = b.subarray(q + 11, q + 11 + codeLength);
      q += 11 + codeLength;
      for (let k = b[q++] as number; k > 0; k--) {
        const id = b[q++] as number;
        this.apply(initial, id, q);
        q += itemLength(id);
      }
      const memory = Uint8Array.from(b.subarray(images + image * this.imageSize, images + (image + 1) * this.imageSize));
      for (let k = b[q++] as number; k > 0; k--) {
        const size = b[q + 2] as number;
        memory.set(b.subarray(q + 3, q + 3 + size), b.readUInt16LE(q));
        q += 3 + size;
      }
      const head = { eflagsMask: b.readUInt32LE(q), fswMask: b.readUInt16LE(q + 4), trap: b[q + 6] as number, errorCode: b.readUInt32LE(q + 7), cr2: b.readBigUInt64LE(q + 11), ip: b.readUInt32LE(q + 19) };
      const final: VectorState = { ...initial, gpr: [...initial.gpr], st: [...initial.st], xmm: [...initial.xmm], eflags: b.readUInt32LE(q + 23), fsw: initial.fsw & head.fswMask };
      q += 27;
      for (let k = b[q++] as number; k > 0; k--) {
        const id = b[q++] as number;
        this.apply(final, id, q);
        q += itemLength(id);
      }
      const finalMemory = Uint8Array.from(memory);
      let runs = b.readUInt16LE(q);
      for (q += 2; runs > 0; runs--) {
        const size = b[q + 2] as number;
        finalMemory.set(b.subarray(q + 3, q + 3 + size), b.readUInt16LE(q));
        q += 3 + size;
      }
      if (q !== p + length) throw new Error(`vector ${index}: its length does not fit`);
      p += length;
      yield { index, name, flags, feature, codeOffset, code, initial, memory, final, finalMemory, ...head };
    }
  }
}
