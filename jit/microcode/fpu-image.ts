/** x87 images in guest memory: FNSTENV, FLDENV, FNSAVE, FRSTOR. `wide` = 32-bit layout. SDM vol 1, 8.1.10. */
import { FPU_CW, FPU_FDS, FPU_FIP, FPU_FOP, FPU_SW, FP_SCRATCH, SEG, SEG_SELECTOR, SEG_SIZE } from "../state/vcpu-layout";
import { x87_fninit } from "./fp/control";
import { x87_env_load, x87_env_store, x87_env_stored, x87_st_load, x87_st_store } from "./fp/image";
import { loadData } from "./mmu/memory";
import { isRam, readPhysical } from "./mmu/physical";
import { linearOf, probeOperand, readOperand, writeOperand } from "./segment/segment";
import { CS, finish, isCode64, isParagraphMode, segBase } from "./state";
import { translateNoFault } from "./mmu/translate";

/** Size of eight registers of 10 bytes. */
const REGISTERS: i32 = 80;

/** Environment size. */
// @ts-ignore: decorator
@inline function environmentSize(wide: i32): i32 { return wide ? 28 : 14; }

// @ts-ignore: decorator
@inline function format(wide: i32): i32 { return (wide ? 2 : 0) | (isParagraphMode() ? 0 : 1); }

/** Records the segment of the last x87 memory operand: 16-bit code only, where images hold it. */
export function x87_note_segment(seg: i32): void {
  store<i32>(FPU_FDS, seg < 8 ? load<i32>(SEG + seg * SEG_SIZE + SEG_SELECTOR) : 0);
}

function isPrefix(byte: i32): bool {
  return (byte & 0xe7) == 0x26 || (byte >= 0x64 && byte <= 0x67) || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
    (isCode64() && (byte & 0xf0) == 0x40);
}

function codeByte(linear: u64): i32 {
  const pa = translateNoFault(linear);
  return pa >= 0 && isRam(pa) ? <i32>readPhysical(pa, 1) : 0;
}

/** Works out FPU_FOP as processors do: only while an unmasked exception waits, from the bytes at FPU_FIP. */
export function x87_note_opcode(): void {
  if (!(load<i32>(FPU_SW) & ~load<i32>(FPU_CW) & 0x3f)) return;
  let linear = isCode64() ? load<u64>(FPU_FIP) : (segBase(CS) + load<u64>(FPU_FIP)) & 0xffffffff;
  for (let i = 0; i < 14; i++) {
    const byte = codeByte(linear++);
    if ((byte & 0xf8) == 0xd8) {
      store<i32>(FPU_FOP, ((byte & 7) << 8) | codeByte(linear));
      return;
    }
    if (!isPrefix(byte)) return;
  }
}

/** Writes the environment in scratch to an operand that has been probed. */
function writeEnvironment(seg: i32, offset: i64, wide: i32): void {
  const step = wide ? 4 : 2;
  for (let i = 0; i < environmentSize(wide); i += step) {
    writeOperand(seg, offset + i, step, wide ? <u64>load<u32>(FP_SCRATCH + i) : <u64>load<u16>(FP_SCRATCH + i));
  }
}

/** Raises unless all of an operand can be read; then reads its environment to scratch. */
function readEnvironment(seg: i32, offset: i64, wide: i32, size: i32): void {
  const linear = linearOf(seg, offset, size, 0);
  loadData(linear, 1);
  loadData(linear + size - 1, 1);
  const step = wide ? 4 : 2;
  for (let i = 0; i < environmentSize(wide); i += step) {
    const value = readOperand(seg, offset + i, step);
    if (wide) store<u32>(FP_SCRATCH + i, <u32>value);
    else store<u16>(FP_SCRATCH + i, <u16>value);
  }
}

/** FNSTENV. */
export function x87_fnstenv(seg: i32, offset: i64, wide: i32): void {
  probeOperand(seg, offset, environmentSize(wide));
  x87_note_opcode();
  x87_env_store(format(wide));
  writeEnvironment(seg, offset, wide);
  x87_env_stored();
  finish();
}

/** FLDENV. */
export function x87_fldenv(seg: i32, offset: i64, wide: i32): void {
  readEnvironment(seg, offset, wide, environmentSize(wide));
  x87_env_load(format(wide));
  finish();
}

/** FNSAVE. */
export function x87_fnsave(seg: i32, offset: i64, wide: i32): void {
  const start = environmentSize(wide);
  probeOperand(seg, offset, start + REGISTERS);
  x87_note_opcode();
  x87_env_store(format(wide));
  writeEnvironment(seg, offset, wide);
  for (let i = 0; i < 8; i++) {
    x87_st_store(i);
    const place = offset + start + i * 10;
    writeOperand(seg, place, 8, load<u64>(FP_SCRATCH));
    writeOperand(seg, place + 8, 2, <u64>load<u16>(FP_SCRATCH + 8));
  }
  x87_fninit();
  finish();
}

/** FRSTOR. */
export function x87_frstor(seg: i32, offset: i64, wide: i32): void {
  const start = environmentSize(wide);
  readEnvironment(seg, offset, wide, start + REGISTERS);
  x87_env_load(format(wide));
  for (let i = 0; i < 8; i++) {
    const place = offset + start + i * 10;
    store<u64>(FP_SCRATCH, readOperand(seg, place, 8));
    store<u16>(FP_SCRATCH + 8, <u16>readOperand(seg, place + 8, 2));
    x87_st_load(i);
  }
  finish();
}
