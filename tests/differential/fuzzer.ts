import type { LoadedInterpreter } from '../../jit/interp/load-interpreter.ts';
import { describeProgram } from './describe-program.ts';
import { evaluate, VectorState } from './evaluator-machine.ts';
import { BUDGET, type Engine, FuzzMachine } from './fuzz-machine.ts';
import type { CodeSize } from './encode-row.ts';
import { generateProgram } from './generate-program.ts';
import { compareOutcomes, type Outcome } from './outcome.ts';
import { layOut, type Program } from './program.ts';
import { Random } from './random.ts';
import { shrink } from './shrink.ts';

/** Programs after which the machines are made anew, since compiled code piles up in them. */
const MACHINE_LIFE = 400;

const TRANSLATED: readonly Engine[] = ['blocks', 'regions', 'hot'];

/** A program on which two engines disagree. */
export interface Disagreement {
  readonly seed: number;
  /** Program, states and differences, ready to print. */
  readonly report: string;
}

/** What a run of the fuzzer came to. */
export interface FuzzResult {
  readonly programs: number;
  readonly instructions: number;
  readonly evaluated: number;
  readonly endless: number;
  readonly disagreements: readonly Disagreement[];
}

/** Runs random programs on interpreter, translator and evaluator and compares what they leave. */
export class Fuzzer {
  private readonly interpreter: LoadedInterpreter;
  private readonly machines = new Map<string, FuzzMachine>();
  private readonly vectors: VectorState;
  private lived = 0;
  programs = 0;
  instructions = 0;
  evaluated = 0;
  endless = 0;

  constructor(interpreter: LoadedInterpreter) {
    this.interpreter = interpreter;
    this.vectors = new VectorState(interpreter);
  }

  private machine(code: CodeSize, engine: Engine): FuzzMachine {
    const key = `${engine}${code}`;
    let machine = this.machines.get(key);
    if (machine === undefined) {
      machine = new FuzzMachine(this.interpreter, code, engine);
      this.machines.set(key, machine);
    }
    return machine;
  }

  /** Runs a program on the engines named and on the evaluator; returns what differs. */
  private differences(program: Program, engines: readonly Engine[]): string[] {
    const image = layOut(program);
    if (image === null) return [];
    const machine = this.machine(program.code, 'interpreter');
    const first = this.guarded(machine, program, image);
    this.programs++;
    this.instructions += first.executed;
    if (first.end === 'endless') this.endless++;
    const out: string[] = [];
    const { start } = machine;
    if (start !== null) {
      const third = evaluate(image, program.code, start, this.vectors, BUDGET);
      if (third !== null) {
        this.evaluated++;
        out.push(...compareOutcomes(first, third));
      }
    }
    for (const engine of engines) out.push(...compareOutcomes(first, this.guarded(this.machine(program.code, engine), program, image)));
    return out;
  }

  /** A host exception is an outcome too, and never the right one. */
  private guarded(machine: FuzzMachine, program: Program, image: NonNullable<ReturnType<typeof layOut>>): Outcome {
    try {
      return machine.run(program, image);
    } catch (error) {
      this.machines.clear();
      return { engine: machine.engine, end: 'stopped', log: [`host exception: ${(error as Error).stack}`], executed: 0, state: {}, memory: new Uint8Array(0) };
    }
  }

  /** Runs the program of a seed; returns a shrunk report when engines disagree. */
  runSeed(seed: number): Disagreement | null {
    if (++this.lived > MACHINE_LIFE) {
      this.lived = 0;
      this.machines.clear();
    }
    const random = new Random(seed);
    const program = generateProgram(random);
    const engines = TRANSLATED.filter((engine) => engine === 'regions' || random.chance(0.5));
    const found = this.differences(program, engines);
    if (found.length === 0) return null;
    const guilty = engines.filter((engine) => this.differences(program, [engine]).length > 0);
    const chosen = guilty.slice(0, 1);
    const small = shrink(program, (candidate) => this.differences(candidate, chosen).length > 0);
    return { seed, report: describeProgram(small, this.differences(small, chosen)) };
  }
}

/** Runs programs from a seed on, for a time, until `most` disagreements were found. */
export function fuzz(interpreter: LoadedInterpreter, seed: number, seconds: number, most: number, found: (d: Disagreement) => void = () => {}): FuzzResult {
  const fuzzer = new Fuzzer(interpreter);
  const disagreements: Disagreement[] = [];
  const until = performance.now() + seconds * 1000;
  for (let i = 0; performance.now() < until && disagreements.length < most; i++) {
    const disagreement = fuzzer.runSeed(seed * 1_000_003 + i);
    if (disagreement === null) continue;
    disagreements.push(disagreement);
    found(disagreement);
  }
  const { programs, instructions, evaluated, endless } = fuzzer;
  return { programs, instructions, evaluated, endless, disagreements };
}
