import { ByteSink } from './byte-sink.ts';
import { typeCode } from './function-writer.ts';
import { type Type, unpackTypes } from './wasm-types.ts';

/** What a module imports before its functions. */
export interface Environment {
  readonly memories: readonly MemoryImport[];
  readonly tables: readonly TableImport[];
  readonly globals: readonly GlobalImport[];
}

/** A name, and where the host has what is behind it. */
export interface Import {
  readonly name: string;
  readonly module: string;
  readonly base: string;
}

/** A shared memory, sizes in pages. */
export interface MemoryImport extends Import {
  readonly initial: number;
  readonly maximum: number;
}

/** A table of functions with no upper limit. */
export interface TableImport extends Import {
  readonly initial: number;
}

/** A global that never changes. */
export interface GlobalImport extends Import {
  readonly type: Type;
}

/** A function of the module: imported when it has a module. */
export interface FunctionEntry {
  readonly signature: number;
  readonly module?: string;
  readonly base?: string;
}

/** Function signatures without duplicates. */
export class Signatures {
  private readonly numbers = new Map<number, number>();
  private readonly list: { params: Type; results: Type }[] = [];

  /** The number of a signature. */
  of(params: Type, results: Type): number {
    if (results > 511) throw new Error('a function has more than three results');
    const key = params * 512 + results;
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.list.push({ params, results }) - 1;
      this.numbers.set(key, number);
    }
    return number;
  }

  clear(): void {
    this.numbers.clear();
    this.list.length = 0;
  }

  /** The content of the type section. */
  section(): ByteSink {
    const out = new ByteSink(256);
    out.u32(this.list.length);
    for (const { params, results } of this.list) {
      out.byte(0x60);
      for (const types of [unpackTypes(params), unpackTypes(results)]) {
        out.u32(types.length);
        for (const type of types) out.byte(typeCode(type));
      }
    }
    return out;
  }
}

/** The content of the import section. */
export function importSection(environment: Environment, functions: readonly FunctionEntry[]): ByteSink {
  const { memories, tables, globals } = environment;
  const out = new ByteSink(1024);
  const begin = (module: string, base: string, kind: number): void => {
    out.text(module);
    out.text(base);
    out.byte(kind);
  };
  out.u32(memories.length + tables.length + globals.length + functions.length);
  for (const memory of memories) {
    begin(memory.module, memory.base, 2);
    out.byte(3); // shared, with a maximum
    out.u32(memory.initial);
    out.u32(memory.maximum);
  }
  for (const table of tables) {
    begin(table.module, table.base, 1);
    out.byte(0x70);
    out.byte(0);
    out.u32(table.initial);
  }
  for (const global of globals) {
    begin(global.module, global.base, 3);
    out.byte(typeCode(global.type));
    out.byte(0);
  }
  for (const { module, base, signature } of functions) {
    begin(module as string, base as string, 0);
    out.u32(signature);
  }
  return out;
}

/** The content of the function section. */
export function functionSection(functions: readonly FunctionEntry[]): ByteSink {
  const out = new ByteSink(256);
  out.u32(functions.length);
  for (const { signature } of functions) out.u32(signature);
  return out;
}

/** The content of the export section: external names and numbers of functions. */
export function exportSection(exported: readonly (readonly [string, number])[]): ByteSink {
  const out = new ByteSink(256);
  out.u32(exported.length);
  for (const [name, number] of exported) {
    out.text(name);
    out.byte(0);
    out.u32(number);
  }
  return out;
}

/** The custom section of branch hints: numbers of functions, and for each the places of branches with their hints. */
export function hintSection(functions: readonly (readonly [number, readonly number[]])[]): ByteSink {
  const out = new ByteSink(1024);
  out.text('metadata.code.branch_hint');
  out.u32(functions.length);
  for (const [number, hints] of functions) {
    out.u32(number);
    out.u32(hints.length / 2);
    for (let i = 0; i < hints.length; i += 2) {
      out.u32(hints[i] as number);
      out.u32(1);
      out.byte(hints[i + 1] as number);
    }
  }
  return out;
}

/**
 * The custom section of compilation priorities: these functions are compiled with the module, and then again by the optimising
 * compiler, in this order. Engines that don't know it compile as they always do.
 */
export function prioritySection(functions: readonly number[]): ByteSink {
  const out = new ByteSink(256);
  out.text('metadata.code.compilation_priority');
  out.u32(functions.length);
  for (const [place, number] of functions.entries()) {
    const optimise = new ByteSink(8);
    optimise.u32(0); // with the module
    optimise.u32(Math.min(place, 126)); // 127 stands for never
    out.u32(number);
    out.u32(0);
    out.u32(optimise.length);
    out.raw(optimise.content());
  }
  return out;
}

/** A module from the contents of its sections; the code section's functions come without their count. */
export function assemble(sections: readonly (readonly [number, ByteSink])[], count: number, code: ByteSink): Uint8Array {
  const head = new ByteSink(4096);
  head.raw(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  for (const [id, content] of sections) {
    head.byte(id);
    head.chunk(content.bytes.subarray(0, content.length));
  }
  const counted = new ByteSink(8);
  counted.u32(count);
  head.byte(10);
  head.u32(counted.length + code.length);
  head.raw(counted.content());
  const out = new Uint8Array(head.length + code.length);
  out.set(head.bytes.subarray(0, head.length));
  out.set(code.bytes.subarray(0, code.length), head.length);
  return out;
}
