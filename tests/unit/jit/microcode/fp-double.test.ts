/** The x87 routines with 53-bit precision against the host's double arithmetic. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createFpMachine, type FpMachine } from './fp-machine.ts';

/** Round to nearest, 53 bits, all masked. */
const CW_DOUBLE = 0x27f;

const bits = new DataView(new ArrayBuffer(8));

/** Raw bits of a double. */
function toBits(value: number): bigint {
  bits.setFloat64(0, value);
  return bits.getBigInt64(0);
}

/** A small deterministic generator of 32-bit values. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    return (mixed ^ (mixed >>> 12)) >>> 0;
  };
}

/** A double with a moderate exponent, so that the wider x87 range makes no difference. */
function randomDouble(random: () => number): number {
  bits.setUint32(0, ((random() & 1) << 31) | ((923 + (random() % 200)) << 20) | (random() & 0xfffff));
  bits.setUint32(4, random() % 4 === 0 ? 0 : random());
  return bits.getFloat64(0);
}

/** ST(0) as a double, by way of a store. */
function popDouble(m: FpMachine): number {
  const raw = BigInt(m.call('x87_fst_m64') ?? 0);
  expect(m.call('x87_store_suppressed')).toBe(0);
  m.call('x87_store_commit', 1);
  bits.setBigInt64(0, raw);
  return bits.getFloat64(0);
}

const operations: Record<string, (a: number, b: number) => number> = {
  x87_fadd_m64: (a, b) => a + b,
  x87_fsub_m64: (a, b) => a - b,
  x87_fsubr_m64: (a, b) => b - a,
  x87_fmul_m64: (a, b) => a * b,
  x87_fdiv_m64: (a, b) => a / b,
  x87_fdivr_m64: (a, b) => b / a,
};

describe('x87 arithmetic with 53-bit precision', () => {
  let machine: FpMachine;
  beforeAll(async () => {
    machine = await createFpMachine();
    machine.call('x87_fninit');
    machine.call('x87_fldcw', CW_DOUBLE);
  });

  for (const [name, native] of Object.entries(operations)) {
    it(name, () => {
      const random = createRandom(name.length * 977);
      for (let i = 0; i < 5000; i++) {
        const a = randomDouble(random);
        const b = randomDouble(random);
        machine.call('x87_fld_m64', toBits(a));
        machine.call(name, toBits(b));
        const got = popDouble(machine);
        if (!Object.is(got, native(a, b))) expect.fail(`${name}(${a}, ${b}) = ${got}, not ${native(a, b)}`);
      }
    });
  }

  it('x87_fsqrt', () => {
    const random = createRandom(5);
    for (let i = 0; i < 5000; i++) {
      const a = Math.abs(randomDouble(random));
      machine.call('x87_fld_m64', toBits(a));
      machine.call('x87_fsqrt');
      const got = popDouble(machine);
      if (got !== Math.sqrt(a)) expect.fail(`sqrt(${a}) = ${got}, not ${Math.sqrt(a)}`);
    }
  });
});
