import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteModule } from '../../../../jit/emit/byte-module.ts';
import type { WasmModule } from '../../../../jit/emit/wasm-module.ts';
import { TYPES, typeList } from '../../../../jit/emit/wasm-types.ts';
import { binaryenBytes, bothOutcomes, ENVIRONMENT, outcomeOf, ownBytes } from './both-backends.ts';
import { RandomProgram } from './random-program.ts';

const NONE = { memories: [], tables: [], globals: [] };

/** Runs a body that gives an i64, with an i32 and an i64 local, in both backends. */
const results = (body: (m: WasmModule) => number): string[] => {
  const outcomes = bothOutcomes((m) => {
    m.addFunction('run', TYPES.none, TYPES.i64, [TYPES.i32, TYPES.i64], body(m));
    m.addFunctionExport('run', 'run');
  });
  expect(outcomes.own.state.equals(outcomes.binaryen.state)).toBe(true);
  return [outcomes.binaryen.ended, outcomes.own.ended];
};

describe('a module written without Binaryen', () => {
  it('does what Binaryen makes of the same random program', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 1 << 20 }), { minLength: 1, maxLength: 400, size: 'max' }), (choices) => {
        const build = (m: WasmModule): void => new RandomProgram(m, choices).build();
        const bytes = ownBytes(build);
        expect(WebAssembly.validate(bytes)).toBe(true);
        const own = outcomeOf(bytes);
        const binaryen = outcomeOf(binaryenBytes(build));
        expect(own.ended).toBe(binaryen.ended);
        expect(own.state.equals(binaryen.state)).toBe(true);
        expect(own.ram.equals(binaryen.ram)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  it.each([0n, 1n, 63n, 64n, -64n, -65n, 2n ** 31n, -(2n ** 31n), 2n ** 32n - 1n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)])(
    'writes the constant %s',
    (value) => {
      expect(results((m) => m.i64.const(value))).toEqual([String(value), String(value)]);
      if (BigInt(Number(value)) === value) expect(results((m) => m.i64.const(Number(value)))).toEqual([String(value), String(value)]);
    },
  );

  it('leaves out what control cannot reach', () => {
    const dead = (m: WasmModule) => m.block(null, [m.return(m.i64.const(3)), m.local.set(0, m.i32.const(1))]);
    expect(results(dead)).toEqual(['3', '3']);
    expect(results((m) => m.i64.add(m.i64.const(1), m.block(null, [m.return(m.i64.const(4)), m.i64.const(9)], TYPES.i64)))).toEqual(['4', '4']);
    expect(results((m) => m.if(m.i32.const(1), m.return(m.i64.const(5)), m.return(m.i64.const(6))))).toEqual(['5', '5']);
    expect(results((m) => m.block('a', [m.return(m.i64.const(8))]))).toEqual(['8', '8']);
    expect(results((m) => m.loop('a', m.block(null, [m.return(m.i64.const(9))])))).toEqual(['9', '9']);
  });

  it('takes the type of an if from the arm that ends', () => {
    const one = (m: WasmModule) => m.if(m.i32.const(0), m.block(null, [m.nop(), m.return(m.i64.const(1))]), m.i64.const(2));
    expect(results(one)).toEqual(['2', '2']);
    const other = (m: WasmModule) =>
      m.block('out', [m.i64.add(m.if(m.i32.const(0), m.i64.const(1), m.br('out', 0, m.i64.const(3))), m.i64.const(1))], TYPES.i64);
    expect(results(other)).toEqual(['3', '3']);
  });

  it('finds the innermost of blocks with one label', () => {
    const nested = (m: WasmModule) =>
      m.block(
        null,
        [m.block('a', [m.block('a', [m.br('a')]), m.local.set(1, m.i64.const(5)), m.br('a'), m.local.set(1, m.i64.const(6))]), m.local.get(1, TYPES.i64)],
        TYPES.i64,
      );
    expect(results(nested)).toEqual(['5', '5']);
  });

  it('goes on in another function with a tail call', () => {
    const outcomes = bothOutcomes((m) => {
      const target = m.i64.add(m.i64.extend_s(m.local.get(0, TYPES.i32)), m.local.get(1, TYPES.i64));
      const args = () => [m.i32.const(-2), m.i64.const(50n)];
      const params = typeList(['i32', 'i64']);
      const second = m.if(m.global.get('base', TYPES.i32), m.return_call('second', args(), TYPES.i64));
      m.addFunction('run', TYPES.none, TYPES.i64, [], m.block(null, [second, m.i64.const(1)], TYPES.i64));
      m.addFunction(
        'second',
        params,
        TYPES.i64,
        [],
        m.block(null, [m.drop(target), m.return_call_indirect('table', m.i32.const(0), args(), params, TYPES.i64)]),
      );
      m.addFunctionExport('run', 'run');
    });
    expect([outcomes.binaryen.ended, outcomes.own.ended]).toEqual([String(2n ** 32n + 48n), String(2n ** 32n + 48n)]);
  });

  it('writes modules that outgrow its buffers', () => {
    const bytes = ownBytes((m) => {
      for (let f = 0; f < 200; f++) {
        const body = Array.from({ length: 700 }, (_, i) => m.i32.store(i * 4, 1, m.i32.const(0), m.i32.const(i * f), 'state'));
        m.addFunction(`f${f}`, TYPES.none, TYPES.none, [], m.block(null, body));
      }
      m.addFunction('run', TYPES.none, TYPES.none, [], m.call('f199', [], TYPES.none));
      m.addFunctionExport('run', 'run');
    });
    expect(bytes.length).toBeGreaterThan(1 << 20);
    expect(outcomeOf(bytes).state.readInt32LE(4 * 699)).toBe(699 * 199);
  });

  it('keeps what it had when a function cannot be written', () => {
    const m = new ByteModule(NONE);
    m.addFunction('good', TYPES.none, TYPES.i32, [], m.i32.const(11));
    expect(() => m.addFunction('bad', TYPES.none, TYPES.none, [], m.block('here', [m.call('good', [], TYPES.i32), m.br('nowhere')]))).toThrow(/bad.*label/);
    expect(() => m.addFunction('bad', TYPES.none, TYPES.i32, [], m.nop())).toThrow(/no value/);
    m.addFunctionExport('good', 'good');
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(m.emitBinary())));
    expect((exports['good'] as () => number)()).toBe(11);
  });

  it('says what is missing', () => {
    const m = new ByteModule(ENVIRONMENT);
    expect(() => m.i32.load(0, 1, m.i32.const(0), 'disk')).toThrow(/disk.*memories/);
    m.addFunction('run', TYPES.none, TYPES.none, [], m.call('absent', [], TYPES.none));
    expect(() => m.addFunction('run', TYPES.none, TYPES.none, [], m.nop())).toThrow(/two functions run/);
    expect(() => m.emitBinary()).toThrow(/no function absent/);
  });
});
