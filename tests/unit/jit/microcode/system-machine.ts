/** Compiles the system microcode and runs its routines on a machine state and a RAM of its own. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as asc from 'assemblyscript/asc';
import { parseModule } from '../../../../jit/emit/binaryen.ts';
import { CODE_MAP } from '../../../../jit/state/board-layout.ts';
import * as L from '../../../../jit/state/vcpu-layout.ts';

/** A guest fault that a routine recorded or raised. */
export interface Fault {
  readonly vector: number;
  readonly error: number;
}

/** What a routine may be given or return. */
type Value = number | bigint;

/** A call of the microcode into the host, as it was made. */
export interface HostCall {
  readonly name: string;
  readonly args: readonly number[];
}

class Raised extends Error {}

const root = fileURLToPath(new URL('../../../../', import.meta.url));
/** Bytes of RAM that the machine has. */
export const RAM_BYTES = 0x400000;

const accessors = (
  [
    ['load8', 'i32.load8_u', 'i32'],
    ['load16', 'i32.load16_u', 'i32'],
    ['load32', 'i32.load', 'i32'],
    ['load64', 'i64.load', 'i64'],
  ] as const
)
  .map(([name, op, type]) => `(func (export "${name}") (param i32) (result ${type}) (${op} (local.get 0)))`)
  .concat(
    (
      [
        ['store8', 'i32.store8', 'i32'],
        ['store16', 'i32.store16', 'i32'],
        ['store32', 'i32.store', 'i32'],
        ['store64', 'i64.store', 'i64'],
      ] as const
    ).map(([name, op, type]) => `(func (export "${name}") (param i32 ${type}) (${op} (local.get 0) (local.get 1)))`),
  )
  .concat('(func (export "fence") (atomic.fence))')
  .concat(['copy', 'fill'].map((name) => `(func (export "${name}") (param i32 i32 i32) (memory.${name} (local.get 0) (local.get 1) (local.get 2)))`))
  .concat(
    (
      [
        ['cmpxchg32', 'i32'],
        ['cmpxchg64', 'i64'],
      ] as const
    ).map(
      ([name, type]) =>
        `(func (export "${name}") (param i32 ${type} ${type}) (result ${type}) (${type}.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))`,
    ),
  );

async function compile(): Promise<Uint8Array<ArrayBuffer>> {
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const options = ['--runtime', 'stub', '--noAssert', '-O2', '--importMemory', '--memoryBase', String(L.MICROCODE_DATA)];
  const features = ['simd', 'bulk-memory', 'sign-extension', 'mutable-globals', 'nontrapping-f2i'].flatMap((name) => ['--enable', name]);
  const { error, stderr } = await asc.main(['jit/microcode/system.ts', '--outFile', 'system.wasm', '--baseDir', root, ...options, ...features], {
    readFile: (name, base) => readFile(`${base}/${name}`, 'utf8').catch(() => null),
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') binary = new Uint8Array(contents);
    },
    listFiles: () => null,
  });
  if (error !== null || binary === undefined) throw new Error(`AssemblyScript: ${stderr.toString()}`);
  return binary;
}

/** The microcode with typed access to state and RAM. */
export class SystemMachine {
  readonly state: DataView;
  readonly ram: DataView;
  readonly calls: HostCall[] = [];
  /** The pieces of pages that hold code, by page number. */
  readonly codeMap = new Map<number, bigint>();
  /** Answers of the devices: port or address and size give a value. */
  device: (address: number, size: number) => number = () => 0;
  private readonly exports: Record<string, (...args: Value[]) => Value | undefined>;

  private constructor(system: WebAssembly.Module, ram: WebAssembly.Module) {
    const memory = new WebAssembly.Memory({ initial: L.STATE_PAGES });
    const ramInstance = new WebAssembly.Instance(ram);
    const board = { load64: (address: number) => this.codeMap.get((address - CODE_MAP) / 8) ?? 0n };
    const instance = new WebAssembly.Instance(system, { env: { memory }, ram: ramInstance.exports, board, host: this.host() });
    this.exports = instance.exports as typeof this.exports;
    this.state = new DataView(memory.buffer);
    this.ram = new DataView((ramInstance.exports['memory'] as WebAssembly.Memory).buffer);
    this.set32(L.RAM_SIZE, RAM_BYTES);
    this.reset();
  }

  /** Compiles once; every machine made is fresh. */
  static async create(): Promise<() => SystemMachine> {
    const ramModule = parseModule(`(module (memory (export "memory") ${RAM_BYTES / 65536}) ${accessors.join('\n')})`);
    const ram = new WebAssembly.Module(new Uint8Array(ramModule.emitBinary()));
    const system = new WebAssembly.Module(await compile());
    return () => new SystemMachine(system, ram);
  }

  private host(): Record<string, (...args: number[]) => Value | void> {
    const note =
      (name: string) =>
      (...args: number[]): void =>
        void this.calls.push({ name, args });
    const ask =
      (name: string) =>
      (address: number, size: number): number => {
        this.calls.push({ name, args: [address >>> 0, size] });
        return this.device(address >>> 0, size);
      };
    return {
      portIn: ask('portIn'),
      portOut: note('portOut'),
      mmioRead: ask('mmioRead'),
      mmioWrite: note('mmioWrite'),
      codeWritten: note('codeWritten'),
      splitLock: () => {},
      cpuid: note('cpuid'),
      rdmsr: () => 0,
      wrmsr: () => 0,
      tsc: () => 1000,
      random32: () => 0x12345678,
      modeChanged: note('modeChanged'),
      cr8Changed: note('cr8Changed'),
      hypercall: () => 0,
      raise: () => {
        throw new Raised();
      },
    };
  }

  /** Power-on state with interrupts of the host forgotten; RIP 0x100, NEXT_RIP 0x102. */
  reset(): void {
    this.exports['resetCpu']?.();
    this.calls.length = 0;
    this.set64(L.RIP, 0x100n);
    this.set64(L.NEXT_RIP, 0x102n);
  }

  /** Calls a routine; the fault it records or raises is thrown away from the state and returned by `faultOf`. */
  call(name: string, ...args: Value[]): Value | undefined {
    const routine = this.exports[name];
    if (routine === undefined) throw new Error(`no routine ${name}`);
    return routine(...args);
  }

  /** The fault that a routine reports either way, or null. */
  faultOf(name: string, ...args: Value[]): Fault | null {
    try {
      this.call(name, ...args);
    } catch (error) {
      if (!(error instanceof Raised)) throw error;
      if (this.get32(L.FAULT) === 0) return { vector: -1, error: this.get32(L.EXIT_REASON) };
    }
    if (this.get32(L.FAULT) === 0) return null;
    this.set32(L.FAULT, 0);
    return { vector: this.get32(L.FAULT_VECTOR), error: this.state.getInt32(L.FAULT_ERROR, true) };
  }

  get32(address: number): number {
    return this.state.getUint32(address, true);
  }
  set32(address: number, value: number): void {
    this.state.setUint32(address, value, true);
  }
  get64(address: number): bigint {
    return this.state.getBigUint64(address, true);
  }
  set64(address: number, value: bigint): void {
    this.state.setBigUint64(address, BigInt.asUintN(64, value), true);
  }
  gpr(index: number): bigint {
    return this.get64(L.GPR + index * 8);
  }
  setGpr(index: number, value: bigint | number): void {
    this.set64(L.GPR + index * 8, BigInt(value));
  }
  selector(seg: number): number {
    return this.get32(L.SEG + seg * 32 + L.SEG_SELECTOR);
  }
  flags(): number {
    return this.call('getEflags') as number;
  }
  setFlags(value: number): void {
    this.call('setEflags', value, 0x3f7fd5);
    this.call('updateContext');
  }

  /** Sets a segment register's hidden part. */
  setSegment(seg: number, selector: number, base: number, limit: number, attr: number): void {
    const address = L.SEG + seg * 32;
    this.set64(address, BigInt(base));
    this.set32(address + L.SEG_LIMIT, limit);
    this.set32(address + L.SEG_ATTR, attr);
    this.set32(address + L.SEG_SELECTOR, selector);
  }
  ram32(address: number): number {
    return this.ram.getUint32(address, true);
  }
  setRam32(address: number, ...values: number[]): void {
    values.forEach((value, i) => this.ram.setUint32(address + i * 4, value, true));
  }
  ram64(address: number): bigint {
    return this.ram.getBigUint64(address, true);
  }
  setRam64(address: number, ...values: bigint[]): void {
    values.forEach((value, i) => this.ram.setBigUint64(address + i * 8, BigInt.asUintN(64, value), true));
  }
}
