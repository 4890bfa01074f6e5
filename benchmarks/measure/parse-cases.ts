import type { TimedLine } from '../peers/peer.ts';

/** A case that ran from its BEGIN line to its END line. */
export interface CaseTime {
  readonly name: string;
  readonly ms: number;
  /** The word behind the name: a checksum, or a shell's exit status. */
  readonly checksum: string;
}

/** What the marker lines of a run say. */
export interface ParsedCases {
  readonly finished: readonly CaseTime[];
  /** The case that began and did not end, or `null`. */
  readonly unfinished: string | null;
}

const BEGIN = /^BEGIN (\S+)$/;
const END = /^END (\S+) (\S+)$/;

/** Pairs `BEGIN name` with `END name checksum`; other lines, and markers out of order, are ignored. */
export function parseCases(lines: readonly TimedLine[]): ParsedCases {
  const finished: CaseTime[] = [];
  let open: { name: string; atMs: number } | null = null;
  for (const { text, atMs } of lines) {
    const begun = BEGIN.exec(text)?.[1];
    if (begun !== undefined) open = { name: begun, atMs };
    const [, name, checksum] = END.exec(text) ?? [];
    if (open === null || name !== open.name || checksum === undefined) continue;
    finished.push({ name, ms: atMs - open.atMs, checksum });
    open = null;
  }
  return { finished, unfinished: open?.name ?? null };
}

/** When the first line that starts so arrived, or `null`. */
export function timeOfLine(lines: readonly TimedLine[], start: string): number | null {
  return lines.find((line) => line.text.startsWith(start))?.atMs ?? null;
}
