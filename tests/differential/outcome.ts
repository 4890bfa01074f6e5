import { PAGES, PHYSICAL } from './address-space.ts';

/** What a program did on one engine. */
export interface Outcome {
  readonly engine: string;
  /** `finished` at its end, `faulted` too often or where nothing can follow, `endless`, `stopped` by HLT or shutdown. */
  readonly end: 'finished' | 'faulted' | 'endless' | 'stopped';
  /** Each fault with the instruction count, RIP, vector and code. */
  readonly log: readonly string[];
  readonly executed: number;
  readonly state: Readonly<Record<string, string>>;
  readonly memory: Uint8Array;
}

/** Linear address of a byte of the compared memory. */
function linearOf(index: number): string {
  const page = PAGES.find(({ physical }) => physical === PHYSICAL + (index & ~4095));
  return page === undefined ? `physical ${(PHYSICAL + index).toString(16)}` : (page.linear + (index & 4095)).toString(16);
}

/** The evaluator keeps no CR2. */
const shared = (line: string | undefined, other: Outcome): string | undefined => (other.engine === 'evaluator' ? line?.replace(/ cr2 .*/, '') : line);

/** What differs between two outcomes of a program, in words. Registers that only one side has are not compared. */
export function compareOutcomes(a: Outcome, b: Outcome): string[] {
  if (a.end === 'endless' || b.end === 'endless') return a.end === b.end ? [] : [`${a.engine} ${a.end}, ${b.engine} ${b.end}`];
  const out: string[] = [];
  const differ = (what: string, x: string | number | undefined, y: string | number | undefined): void => {
    if (x !== y) out.push(`${what}: ${a.engine} ${x}, ${b.engine} ${y}`);
  };
  differ('end', a.end, b.end);
  for (let i = 0; i < Math.max(a.log.length, b.log.length) && out.length < 3; i++) differ(`fault ${i}`, shared(a.log[i], b), shared(b.log[i], a));
  differ('instructions', a.executed, b.executed);
  for (const [name, value] of Object.entries(a.state)) if (b.state[name] !== undefined) differ(name, value, b.state[name]);
  let shown = 0;
  for (let i = 0; i < a.memory.length && shown < 8; i++) {
    if (a.memory[i] === b.memory[i]) continue;
    shown++;
    differ(`memory ${linearOf(i)}`, a.memory[i], b.memory[i]);
  }
  return out;
}
