import { CODE, CODE_PAGES, offsetOf } from './address-space.ts';
import type { CodeSize } from './encode-row.ts';

/** Address of a label. */
export type LabelAddress = (label: number) => number;

/** A piece of a program: one instruction, some data, or a label. */
export interface Item {
  /** The label that stands here, or -1. Labels are never dropped. */
  readonly label: number;
  /** Bytes at an address; they may name labels. Their number depends on `long` only. */
  readonly emit: (at: number, addressOf: LabelAddress, long: boolean) => Uint8Array;
  /** NOPs that took the place of something. */
  readonly filler?: boolean;
  /** True for branches that have a short form. */
  readonly shortens: boolean;
}

/** How segments lie: `flat`; `based` somewhere else, each of them; `limited` with limits that programs run into, as well. */
export type Segments = 'flat' | 'based' | 'limited';

/** A random program and the state it starts in. */
export interface Program {
  readonly code: CodeSize;
  readonly items: readonly Item[];
  /** Offset of the first item in the code pages. */
  readonly start: number;
  /** 16-bit code is never flat, 64-bit code always. */
  readonly segments?: Segments;
  /** Only instructions that the evaluator knows. */
  readonly evaluable: boolean;
  /** Determines registers and memory. */
  readonly stateSeed: number;
}

/** A program as bytes. */
export interface Image {
  readonly entry: number;
  /** Address of the instruction that ends the program. */
  readonly end: number;
  readonly bytes: Uint8Array;
  /** Where each item begins. */
  readonly addresses: readonly number[];
}

/** The label of the end. */
export const END = 0;

const none = new Uint8Array(0);

/** A label. */
export function label(id: number): Item {
  return { label: id, emit: () => none, shortens: false };
}

/** Fixed bytes. */
export function bytes(...values: number[]): Item {
  const b = Uint8Array.from(values);
  return { label: -1, emit: () => b, shortens: false };
}

/** Bytes of a 32-bit number. */
export const word = (v: number): number[] => [v & 255, (v >> 8) & 255, (v >> 16) & 255, (v >> 24) & 255];

/** Bytes of a 16-bit number. */
export const half = (v: number): number[] => [v & 255, (v >> 8) & 255];

/** Bytes with addresses of labels in them; of constant length. */
export function withLabels(emit: (at: number, addressOf: LabelAddress) => number[]): Item {
  return { label: -1, emit: (at, addressOf) => Uint8Array.from(emit(at, addressOf)), shortens: false };
}

/** A branch with a short and a long form; the distance in the long one has 16 bits in `narrow` code, else 32. */
export function branch(short: number, long: readonly number[], target: number, narrow = false): Item {
  return {
    label: -1,
    shortens: short >= 0,
    emit: (at, addressOf, isLong) => {
      if (!isLong && short >= 0) return Uint8Array.from([short, (addressOf(target) - at - 2) & 255]);
      const distance = addressOf(target) - at - long.length;
      return Uint8Array.from([...long, ...(narrow ? half(distance - 2) : word(distance - 4))]);
    },
  };
}

/** Lays a program out; null when it does not fit. */
export function layOut({ items, start, code }: Program): Image | null {
  const origin = offsetOf(code, CODE) + start;
  const long = items.map((item) => !item.shortens);
  for (;;) {
    const addresses: number[] = [];
    const labels = new Map<number, number>();
    let at = origin;
    for (const [i, item] of items.entries()) {
      addresses.push(at);
      if (item.label >= 0) labels.set(item.label, at);
      at += item.emit(at, () => at, long[i] as boolean).length;
    }
    if (at > origin - start + CODE_PAGES * 4096) return null;
    const addressOf = (id: number): number => labels.get(id) as number;
    const tooFar = items.map((item, i) => {
      if (long[i]) return false;
      const place = addresses[i] as number;
      const wide = item.emit(place, addressOf, true);
      const view = new DataView(wide.buffer);
      const distance = (code === 16 ? view.getInt16(wide.length - 2, true) : view.getInt32(wide.length - 4, true)) + wide.length - 2;
      return distance < -128 || distance > 127;
    });
    if (tooFar.includes(true)) {
      for (const [i, far] of tooFar.entries()) if (far) long[i] = true;
      continue;
    }
    const out = new Uint8Array(at - origin);
    for (const [i, item] of items.entries()) out.set(item.emit(addresses[i] as number, addressOf, long[i] as boolean), (addresses[i] as number) - origin);
    return { entry: origin, end: addressOf(END), bytes: out, addresses };
  }
}
