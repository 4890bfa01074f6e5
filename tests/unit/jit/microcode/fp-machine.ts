/** Compiles the floating-point microcode and runs its routines on a machine state of its own. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as asc from 'assemblyscript/asc';
import { FPU_CW, FPU_ST, FPU_SW, FPU_TAG, FPU_TOP, FP_SCRATCH, MXCSR, SSE_XM_PENDING } from '../../../../jit/state/vcpu-layout.ts';

/** A routine of the microcode: 64-bit arguments and results are bigint. */
export type Routine = (...args: (number | bigint)[]) => number | bigint | undefined;

/** One x87 register: 64-bit significand, sign and exponent. */
export interface Extended {
  readonly sig: bigint;
  readonly se: number;
}

/** The x87 state as instructions see it: ST(0) first, tags by physical register. */
export interface X87State {
  readonly cw: number;
  readonly sw: number;
  readonly tag: number;
  readonly st: readonly Extended[];
}

/** The microcode, compiled, with typed access to its machine state. */
export interface FpMachine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Calls a routine by name. */
  call(name: string, ...args: (number | bigint)[]): number | bigint | undefined;
  setX87(state: X87State): void;
  getX87(): X87State;
  /** Clears SSE_XM_PENDING and sets MXCSR. */
  setMxcsr(value: number): void;
  mxcsr(): number;
  xmPending(): boolean;
}

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Compiles jit/microcode/fp to WebAssembly. */
export async function compileMicrocode(): Promise<Uint8Array<ArrayBuffer>> {
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(
    ['jit/microcode/fp/index.ts', '--outFile', 'fp.wasm', '--runtime', 'stub', '--noAssert', '-O3', '--importMemory', '--baseDir', root],
    {
      readFile: (name, base) => readFile(`${base}/${name}`, 'utf8').catch(() => null),
      writeFile: (_name, contents) => {
        if (typeof contents !== 'string') binary = new Uint8Array(contents);
      },
      listFiles: () => null,
    },
  );
  if (error !== null || binary === undefined) throw new Error(`AssemblyScript: ${stderr.toString()}`);
  return binary;
}

/** Instantiates the microcode, compiling it unless it is given. */
export async function createFpMachine(code?: Uint8Array<ArrayBuffer>): Promise<FpMachine> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await WebAssembly.instantiate(code ?? (await compileMicrocode()), {
    env: {
      memory,
      abort: () => {
        throw new Error('abort');
      },
    },
  });
  const view = new DataView(memory.buffer);
  const bytes = new Uint8Array(memory.buffer);
  const at = (top: number, i: number): number => FPU_ST + 16 * ((top + i) & 7);
  return {
    bytes,
    view,
    call(name, ...args) {
      const routine = instance.exports[name];
      if (typeof routine !== 'function') throw new Error(`no routine ${name}`);
      return routine(...args);
    },
    setX87({ cw, sw, tag, st }) {
      const top = (sw >> 11) & 7;
      view.setInt32(FPU_CW, cw, true);
      view.setInt32(FPU_SW, sw & ~0x3800, true);
      view.setInt32(FPU_TOP, top, true);
      view.setInt32(FPU_TAG, tag, true);
      st.forEach((value, i) => {
        view.setBigUint64(at(top, i), value.sig, true);
        view.setUint16(at(top, i) + 8, value.se, true);
      });
    },
    getX87() {
      const top = view.getInt32(FPU_TOP, true);
      return {
        cw: view.getInt32(FPU_CW, true),
        sw: view.getInt32(FPU_SW, true) | (top << 11),
        tag: view.getInt32(FPU_TAG, true),
        st: Array.from({ length: 8 }, (_, i) => ({
          sig: view.getBigUint64(at(top, i), true),
          se: view.getUint16(at(top, i) + 8, true),
        })),
      };
    },
    setMxcsr(value) {
      view.setInt32(MXCSR, value, true);
      view.setInt32(SSE_XM_PENDING, 0, true);
    },
    mxcsr: () => view.getInt32(MXCSR, true),
    xmPending: () => view.getInt32(SSE_XM_PENDING, true) !== 0,
  };
}

/** Address of the scratch buffer of the routines. */
export const SCRATCH = FP_SCRATCH;
