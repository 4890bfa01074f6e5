import { type HostileMachine, OUTCOME_BUDGET, UNDECIDED } from './hostile-machine.ts';

/** Instructions of a slice when regions grow while the guest runs. */
const SHORT = 120;

/** Lets two machines run a guest to its shutdown, the second in short slices when asked to; says in what they differ. */
export function disagreement(a: HostileMachine, b: HostileMachine, seed: number, sliced: boolean): string[] {
  const x = a.outcome(seed);
  const y = b.outcome(seed, sliced ? SHORT : OUTCOME_BUDGET);
  if (x === UNDECIDED || y === UNDECIDED) return [];
  if (x === null || y === null) {
    // one may shut down in the last instructions that the other had no time for
    const only = x ?? y;
    return only === null || Number(only['executed']) > OUTCOME_BUDGET * 0.9
      ? []
      : [`interpreter ${x === null ? 'runs on' : 'shuts down'}, translator ${y === null ? 'runs on' : 'shuts down'}`];
  }
  const names = [...new Set([...Object.keys(x), ...Object.keys(y)])].filter((name) => !(sliced && name === 'executed'));
  return names.filter((name) => x[name] !== y[name]).map((name) => `${name}: interpreter ${x[name]}, translator ${y[name]}`);
}
