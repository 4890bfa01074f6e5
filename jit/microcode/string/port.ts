/** IN and OUT and their permission checks. SDM vol 1 chapter 19. */
import { CPL, SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_TR } from "../../state/vcpu-layout";
import { watchPort } from "../exception/debug";
import { faultGp } from "../fault";
import { portIn, portOut } from "../host";
import { loadSystem } from "../mmu/memory";
import { finish, gpr, iopl, isProtected, isV86, RAX, setRegister } from "../state";

/** Raises #GP(0) unless the current code may access `size` ports from `port` on. */
export function checkPort(port: i32, size: i32): void {
  if (!isProtected() || (!isV86() && load<i32>(CPL) <= iopl())) return;
  const limit = load<u32>(SEG_TR + SEG_LIMIT);
  const isWide = (load<u32>(SEG_TR + SEG_ATTR) & 0x800) != 0;
  if (!isWide || limit < 0x67) faultGp(0);
  const base = load<u64>(SEG_TR + SEG_BASE);
  const offset = <u32>loadSystem(base + 0x66, 2) + <u32>(port >> 3);
  if (offset + 1 > limit) faultGp(0);
  const bits = <i32>loadSystem(base + offset, 2) >> (port & 7);
  if (bits & ((1 << size) - 1)) faultGp(0);
}

/** IN AL/AX/EAX, port. */
export function ioIn(port: i32, size: i32): void {
  const number = port & 0xffff;
  checkPort(number, size);
  watchPort(number, size);
  setRegister(RAX, size, <u64><u32>portIn(number, size));
  finish();
}

/** OUT port, AL/AX/EAX. */
export function ioOut(port: i32, size: i32): void {
  const number = port & 0xffff;
  checkPort(number, size);
  watchPort(number, size);
  const mask = size == 4 ? 0xffffffff : ((<u64>1) << (size << 3)) - 1;
  portOut(number, size, <i32>(gpr(RAX) & mask));
  finish();
}
