import { closeSync, openSync, readSync } from 'node:fs';

/** The state before a block, as a trace tells it. */
export interface TraceEntry {
  readonly rip: bigint;
  /** Registers by their 64-bit names, and `EFL`. */
  readonly registers: ReadonlyMap<string, bigint>;
  /** Where it stands in its file. */
  readonly line: number;
}

const CHUNK_BYTES = 1 << 20;
const PAIR = /([A-Z][A-Z0-9]{1,2}) ?=([0-9a-f]+)/g;
const WIDE: Readonly<Record<string, string>> = {
  EAX: 'RAX',
  EBX: 'RBX',
  ECX: 'RCX',
  EDX: 'RDX',
  ESI: 'RSI',
  EDI: 'RDI',
  EBP: 'RBP',
  ESP: 'RSP',
  EIP: 'RIP',
  RFL: 'EFL',
};

/** The lines of a file of any size. */
export function* readLines(path: string): Generator<string> {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let rest = '';
  try {
    for (let length = readSync(file, buffer); length > 0; length = readSync(file, buffer)) {
      const lines = (rest + buffer.toString('latin1', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(file);
  }
}

/** An entry that is taken apart only when somebody looks at its registers: of most, only the place counts. */
class LazyEntry implements TraceEntry {
  readonly rip: bigint;
  readonly line: number;
  readonly #text: string;
  #registers: Map<string, bigint> | undefined;

  constructor(rip: bigint, line: number, text: string) {
    this.rip = rip;
    this.line = line;
    this.#text = text;
  }

  get registers(): ReadonlyMap<string, bigint> {
    this.#registers ??= pairsOf(this.#text);
    return this.#registers;
  }
}

/** Entries of a trace of `xm run --trace`. */
export function* readXylemTrace(lines: Iterable<string>): Generator<TraceEntry> {
  let line = 0;
  for (const text of lines) {
    line += 1;
    const rip = /RIP=([0-9a-f]+)/.exec(text)?.[1];
    if (rip !== undefined && text.includes(' R15=')) yield new LazyEntry(BigInt(`0x${rip}`), line, text);
  }
}

/**
 * Entries of a log of QEMU's `-d cpu,exec,nochain`. EIP in QEMU's dumps is an offset in the code segment, as RIP is
 * in ours.
 */
export function* readQemuTrace(lines: Iterable<string>): Generator<TraceEntry> {
  let dump = '';
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (/^[ER]AX=/.test(text)) dump = '';
    if (!/^(?:[ER](?:AX|SI|IP)=|R8 ?=|R12=)/.test(text)) continue;
    dump += `${text} `;
    const rip = /^[ER]IP=([0-9a-f]+)/.exec(text)?.[1];
    if (rip === undefined || !/[ER]AX=/.test(dump)) continue;
    yield new LazyEntry(BigInt(`0x${rip}`), line, dump);
    dump = '';
  }
}

function pairsOf(text: string): Map<string, bigint> {
  const pairs = new Map<string, bigint>();
  for (const [, name = '', digits = ''] of text.matchAll(PAIR)) pairs.set(WIDE[name] ?? name, BigInt(`0x${digits}`));
  return pairs;
}
