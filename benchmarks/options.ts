import { parseArgs } from 'node:util';

/** What a benchmark run is to do. */
export interface BenchOptions {
  /** How often every case is measured on every peer. */
  readonly rounds: number;
  /** Cases whose id matches are measured. */
  readonly only: RegExp;
  /** Names of the peers to use, or `null` for all. */
  readonly peers: readonly string[] | null;
  /** How often a case is repeated inside one measurement. */
  readonly repetitions: number;
  /** A peer that prints nothing for so long has failed. */
  readonly silenceMs: number;
  /** True when the results stand for the whole suite, so that the README may show them. */
  readonly isComplete: boolean;
  readonly isHelp: boolean;
  readonly isList: boolean;
}

/** What `--help` prints. */
export const USAGE = `usage: npm run bench -- [options]
  --rounds N       measure everything N times and take medians (default 5)
  --quick          the same as --rounds 1
  --only REGEX     only cases whose id matches, for example 'i386/(alu|sieve)'
  --peers A,B      only these of xylem, qemu, v86 and native
  --reps N         repeat each case N times inside one measurement (default 1)
  --timeout S      give a peer up when it prints nothing for S seconds (default 120)
  --list           print the ids of the chosen cases and stop
  --help           print this`;

/**
 * Reads the command line.
 *
 * @throws Error with a message for the operator when it makes no sense
 */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      reps: { type: 'string', default: '1' },
      timeout: { type: 'string', default: '120' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const peers = values.peers?.split(',').map((name) => name.trim()) ?? null;
  return {
    rounds: positive('--rounds', values.rounds ?? (values.quick ? '1' : '5')),
    only: pattern(values.only ?? ''),
    peers,
    repetitions: positive('--reps', values.reps),
    silenceMs: positive('--timeout', values.timeout) * 1000,
    isComplete: values.only === undefined && peers === null && values.reps === '1',
    isHelp: values.help,
    isList: values.list,
  };
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} takes a whole number above 0, not '${text}'`);
  return value;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new Error(`--only takes a regular expression, not '${text}'`, { cause: error });
  }
}
