import type { CpuModel } from './cpu-models.ts';

/** EAX, EBX, ECX and EDX of a leaf. */
export type CpuidResult = readonly [number, number, number, number];

/** Facts of one vCPU that CPUID reports beside its features. */
export interface CpuidFacts {
  /** Features of the instruction table; a bit is reported only when its rows exist. */
  readonly features: ReadonlySet<string>;
  /** What of it the guest is shown; everything when left out. */
  readonly model?: CpuModel;
  readonly tscHz: number;
  readonly apicId: number;
  readonly processors: number;
  /** CR4.OSXSAVE, which CPUID mirrors. */
  osxsave(): boolean;
}

/** A bit of a feature word and what it stands on: a row feature, or `true` for what microcode always has. */
type FeatureBit = readonly [bit: number, needs: string | true];

const LEAF1_EDX: readonly FeatureBit[] = [
  [0, 'x87'], [1, true], [2, true], [3, true], [4, true], [5, true], [6, true], [8, 'cx8'], [9, true], [11, true], [12, true], [13, true],
  [15, 'cmov'], [16, true], [17, true], [19, true], [23, 'mmx'], [24, 'sse'], [25, 'sse'], [26, 'sse2'],
];
const LEAF1_ECX: readonly FeatureBit[] = [
  [0, 'sse3'], [1, 'pclmul'], [9, 'ssse3'], [13, 'cx16'], [17, true], [19, 'sse41'], [20, 'sse42'], [21, true], [22, 'movbe'], [23, 'popcnt'],
  [24, true], [25, 'aes'], [26, true], [30, true], [31, true],
];
const LEAF7_EBX: readonly FeatureBit[] = [
  [0, true], [3, 'bmi1'], [7, true], [8, 'bmi2'], [9, true], [10, true], [18, true], [19, 'adx'], [20, true], [29, 'sha'],
];
const LEAF7_ECX: readonly FeatureBit[] = [[2, true], [22, true]];
const LEAF7_EDX: readonly FeatureBit[] = [[29, true]];
const EXT1_EDX: readonly FeatureBit[] = [[11, true], [20, true], [26, true], [27, true], [29, true]];
const EXT1_ECX: readonly FeatureBit[] = [[0, 'lahf'], [5, 'lzcnt'], [8, true]];

const CRYSTAL_HZ = 25_000_000;
const BRAND = 'Xylem virtual CPU';

const ascii = (text: string): number =>
  (text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24)) >>> 0;

/** CPUID as Intel's SDM vol 2 describes it, for the CPU that Xylem is. */
export class Cpuid {
  readonly #facts: CpuidFacts;

  constructor(facts: CpuidFacts) {
    this.#facts = facts;
  }

  #word(bits: readonly FeatureBit[]): number {
    let word = 0;
    for (const [bit, needs] of bits) if (needs === true || this.#facts.features.has(needs)) word |= 1 << bit;
    return word >>> 0;
  }

  /** The registers for a leaf and subleaf. A basic leaf out of range answers as the highest one, as Intel's CPUs do. */
  leaf(leaf: number, subleaf: number): CpuidResult {
    const { model } = this.#facts;
    if (model === undefined) return this.#leaf(leaf, subleaf);
    const number = leaf >>> 0;
    if (number < 0x40000000 && number > model.maxBasicLeaf) return this.#mask(model, model.maxBasicLeaf, subleaf);
    if (number > 0x80000000 && number > model.maxExtendedLeaf) return this.#mask(model, model.maxBasicLeaf, subleaf);
    return this.#mask(model, number, subleaf);
  }

  #mask(model: CpuModel, leaf: number, subleaf: number): CpuidResult {
    const [a, b, c, d] = this.#leaf(leaf, subleaf);
    switch (leaf) {
      case 0: return [model.maxBasicLeaf, b, c, d];
      case 1: return [model.signature, b, (c & model.leaf1Ecx) >>> 0, (d & model.leaf1Edx) >>> 0];
      case 7: return model.leaf7Ebx === 0 ? [0, 0, 0, 0] : [a, (b & model.leaf7Ebx) >>> 0, c, d];
      case 0x80000000: return [model.maxExtendedLeaf, b, c, d];
      case 0x80000001: return [a, b, (c & model.extendedEcx) >>> 0, (d & model.extendedEdx) >>> 0];
      default: return [a, b, c, d];
    }
  }

  #leaf(leaf: number, subleaf: number): CpuidResult {
    const f = this.#facts;
    switch (leaf >>> 0) {
      case 0: return [0x16, ascii('Genu'), ascii('ntel'), ascii('ineI')];
      case 1: {
        const ecx = (this.#word(LEAF1_ECX) | (f.osxsave() ? 1 << 27 : 0)) >>> 0;
        return [0x000106a5, ((f.apicId << 24) | (f.processors << 16) | (8 << 8)) >>> 0, ecx, this.#word(LEAF1_EDX)];
      }
      case 2: return [0x00000001, 0, 0, 0];
      case 4: return [0, 0, 0, 0];
      case 6: return [4, 0, 0, 0]; // the APIC timer runs in every state
      case 7: return subleaf === 0 ? [0, this.#word(LEAF7_EBX), this.#word(LEAF7_ECX), this.#word(LEAF7_EDX)] : [0, 0, 0, 0];
      case 0xb: return subleaf === 0 ? [0, 1, 0x100, f.apicId] : subleaf === 1 ? [8, f.processors, 0x201, f.apicId] : [0, 0, subleaf, f.apicId];
      case 0xd: return this.#xsave(subleaf);
      case 0x15: return [1, f.tscHz / CRYSTAL_HZ, CRYSTAL_HZ, 0];
      case 0x16: return [f.tscHz / 1e6, f.tscHz / 1e6, 100, 0];
      case 0x80000000: return [0x80000008, 0, 0, 0];
      case 0x80000001: return [0, 0, this.#word(EXT1_ECX), this.#word(EXT1_EDX)];
      case 0x80000002: case 0x80000003: case 0x80000004: return this.#brand(leaf - 0x80000002);
      case 0x80000006: return [0, 0, 0x02008040, 0];
      case 0x80000007: return [0, 0, 0, 0x100]; // invariant TSC
      case 0x80000008: return [0x00003028, 0, 0, 0];
      case 0x40000000: return [0x40000000, ascii('Xyle'), ascii('mHyp'), ascii('erv ')];
      default: return [0, 0, 0, 0];
    }
  }

  #xsave(subleaf: number): CpuidResult {
    if (subleaf === 0) return [3, 576, 576, 0];
    return subleaf === 1 ? [3, 576, 0, 0] : [0, 0, 0, 0];
  }

  #brand(part: number): CpuidResult {
    const text = BRAND.padEnd(48, '\0').slice(part * 16, part * 16 + 16);
    return [ascii(text.slice(0, 4)), ascii(text.slice(4, 8)), ascii(text.slice(8, 12)), ascii(text.slice(12, 16))];
  }
}
