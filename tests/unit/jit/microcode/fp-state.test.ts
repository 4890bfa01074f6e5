/** What the vectors do not show: two-step stores, environment and FXSAVE images, MMX aliasing, derived words. */
import { beforeEach, describe, expect, it } from 'vitest';
import { FPU_FCS, FPU_FDP, FPU_FDS, FPU_FIP, FPU_FOP, MXCSR, SSE_FAST } from '../../../../jit/state/vcpu-layout.ts';
import { SCRATCH, compileMicrocode, createFpMachine, type FpMachine } from './fp-machine.ts';

const ONE = 0x3ff0000000000000n;
const compiled = compileMicrocode();

describe('x87 state', () => {
  let m: FpMachine;
  beforeEach(async () => {
    m = await createFpMachine(await compiled);
    m.call('x87_fninit');
  });
  const word = (offset: number): number => m.view.getUint16(SCRATCH + offset, true);
  const dword = (offset: number): number => m.view.getUint32(SCRATCH + offset, true);

  it('changes nothing in the first step of a store', () => {
    m.call('x87_fld_m64', 0x3ff0000000000001n);
    const before = m.getX87();
    expect(BigInt(m.call('x87_fst_m32') ?? 0)).toBe(0x3f800000n);
    expect(m.getX87()).toEqual(before);
    m.call('x87_store_commit', 1);
    expect(m.getX87()).toMatchObject({ sw: 0x20, tag: 0 });
  });

  it('suppresses a store on an unmasked exception and keeps the operand', () => {
    m.call('x87_fldcw', 0x37e);
    m.call('x87_fld_m64', 0x43f0000000000000n);
    m.call('x87_fist_m32');
    expect(m.call('x87_store_suppressed')).toBe(1);
    m.call('x87_store_commit', 1);
    expect(m.getX87()).toMatchObject({ sw: 0xb881, tag: 0x80 });
    expect(m.call('x87_pending')).toBe(1);
    m.call('x87_fnclex');
    expect(m.call('x87_pending')).toBe(0);
  });

  it('answers a store from an empty register with the indefinite', () => {
    expect(BigInt.asUintN(16, BigInt(m.call('x87_fist_m16') ?? 0))).toBe(0x8000n);
    m.call('x87_store_commit', 0);
    expect(m.call('x87_fnstsw')).toBe(0x41);
    m.call('x87_fbst');
    expect(m.view.getBigUint64(SCRATCH, true)).toBe(0xc000000000000000n);
    expect(word(8)).toBe(0xffff);
  });

  it('makes the pending exception follow the masks', () => {
    m.call('x87_fld1');
    m.call('x87_fldz');
    m.call('x87_fdivp', 1);
    expect(m.call('x87_pending')).toBe(0);
    m.call('x87_fldcw', 0x37b);
    expect(m.call('x87_fnstsw')).toBe(0xb884);
    expect(m.call('x87_pending')).toBe(1);
  });

  it('writes and reads back the 32-bit protected environment', () => {
    m.call('x87_fldz');
    m.call('x87_fld_m64', ONE);
    m.view.setBigUint64(FPU_FIP, 0x12345678n, true);
    m.view.setBigUint64(FPU_FDP, 0x9abcdef0n, true);
    m.view.setInt32(FPU_FOP, 0x5d9, true);
    m.view.setInt32(FPU_FCS, 0x1b, true);
    m.view.setInt32(FPU_FDS, 0x23, true);
    m.call('x87_env_store', 3);
    const image = [0, 4, 8, 12, 16, 20, 24].map(dword);
    expect(image).toEqual([0xffff037f, 0xffff3000, 0xffff4fff, 0x12345678, 0x05d9001b, 0x9abcdef0, 0xffff0023]);
    const before = m.getX87();
    m.call('x87_fninit');
    m.call('x87_env_load', 3);
    expect(m.getX87()).toEqual({ ...before, st: m.getX87().st });
    m.call('x87_env_store', 3);
    expect([0, 4, 8, 12, 16, 20, 24].map(dword)).toEqual(image);
  });

  it('writes the other environment formats', () => {
    m.view.setBigUint64(FPU_FIP, 0x1234n, true);
    m.view.setBigUint64(FPU_FDP, 0x5678n, true);
    m.view.setInt32(FPU_FOP, 0x1d9, true);
    m.view.setInt32(FPU_FCS, 0xf000, true);
    m.view.setInt32(FPU_FDS, 0x2000, true);
    m.call('x87_env_store', 1);
    expect([0, 2, 4, 6, 8, 10, 12].map(word)).toEqual([0x37f, 0, 0xffff, 0x1234, 0xf000, 0x5678, 0x2000]);
    m.call('x87_env_store', 0);
    expect([0, 2, 4, 6, 8, 10, 12].map(word)).toEqual([0x37f, 0, 0xffff, 0x1234, 0xf1d9, 0x5678, 0x2000]);
    m.call('x87_env_store', 2);
    expect([12, 16, 20, 24].map(dword)).toEqual([0xffff1234, 0x0000f1d9, 0xffff5678, 0x00002000]);
  });

  it('masks everything after FNSTENV and recomputes ES on FLDENV', () => {
    m.call('x87_fldcw', 0x37b);
    m.call('x87_fld1');
    m.call('x87_fldz');
    m.call('x87_fdivp', 1);
    m.call('x87_env_store', 3);
    m.call('x87_env_stored');
    expect(m.getX87()).toMatchObject({ cw: 0x37f, sw: 0x3004 });
    m.call('x87_env_load', 3);
    expect(m.getX87()).toMatchObject({ cw: 0x37b, sw: 0xb084 });
  });

  it('carries the FXSAVE header there and back, and refuses reserved MXCSR bits', () => {
    m.call('x87_fldpi');
    m.setMxcsr(0x1fa0);
    m.call('fx_header_store', 0);
    expect([word(0), word(2), m.view.getUint8(SCRATCH + 4), dword(24), dword(28)]).toEqual([0x37f, 0x3800, 0x80, 0x1fa0, 0xffff]);
    const before = m.getX87();
    m.call('x87_fninit');
    m.setMxcsr(0x1f80);
    expect(m.call('fx_header_load', 0)).toBe(0);
    expect(m.getX87()).toEqual(before);
    expect(m.mxcsr()).toBe(0x1fa0);
    m.view.setUint32(SCRATCH + 24, 0x10000, true);
    expect(m.call('fx_header_load', 0)).toBe(1);
    expect(m.mxcsr()).toBe(0x1fa0);
  });

  it('lets MMX registers share the significands', () => {
    m.call('x87_fld1');
    m.call('mmx_enter');
    m.call('mmx_write', 3, 0x1122334455667788n);
    expect(m.getX87()).toMatchObject({ sw: 0, tag: 0xff });
    expect(m.getX87().st[3]).toEqual({ sig: 0x1122334455667788n, se: 0xffff });
    expect(m.call('mmx_read', 7)).toBe(-0x8000000000000000n);
    m.call('mmx_emms');
    expect(m.getX87().tag).toBe(0);
  });

  it('keeps SSE_FAST in step with MXCSR', () => {
    const fast = (): number => m.view.getInt32(SSE_FAST, true);
    m.call('sse_set_mxcsr', 0x1f80);
    expect(fast()).toBe(0);
    m.call('sse_div_f64', ONE, 0x4008000000000000n);
    expect([m.view.getInt32(MXCSR, true), fast()]).toEqual([0x1fa0, 1]);
    m.call('sse_set_mxcsr', 0x3fa0);
    expect(fast()).toBe(0);
    m.call('sse_set_mxcsr', 0x1fbf);
    expect(fast()).toBe(1);
  });

  it('leaves the operand and sets C2 when a trigonometric argument is out of range', () => {
    m.call('x87_fld_m64', 0x43e0000000000000n);
    m.call('x87_fsin');
    expect(m.getX87()).toMatchObject({ sw: 0x3c00, tag: 0x80 });
    expect(m.getX87().st[0]).toEqual({ sig: 1n << 63n, se: 0x403e });
  });

  it('reduces with the 66-bit pi of the hardware', () => {
    m.call('x87_fldpi');
    m.call('x87_fsin');
    expect(m.getX87().st[0]).toEqual({ sig: 1n << 63n, se: 0xbfbf });
  });
});
