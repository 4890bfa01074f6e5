import { loadInterpreter } from '../../jit/interp/load-interpreter.ts';

/** Generates the interpreter once, before test files that load it run side by side. */
export async function setup(): Promise<void> {
  await loadInterpreter();
}
