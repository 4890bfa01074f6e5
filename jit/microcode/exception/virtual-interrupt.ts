/**
 * Virtual interrupts and the redirection of INT n in virtual-8086 mode: CR4.VME and CR4.PVI. SDM vol 3, 20.3.2, 20.3.3
 * and 20.4. VIF stands for IF in code that may not change IF; VIP says that the monitor holds an interrupt for it.
 */
import {
  CR4, DEBUG_STEP, EFLAGS, RIP, SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_TR, NEXT_RIP, SHADOW,
} from "../../state/vcpu-layout";
import { updateContext } from "../context";
import { faultGp } from "../fault";
import { getEflags } from "../flags";
import { loadSystem, setOfLevel } from "../mmu/memory";
import { loadParagraph } from "../segment/segment";
import { setStackPointer } from "../segment/stack";
import {
  cpl, CR4_PVI, CR4_VME, CS, FLAG_DF, FLAG_IF, FLAG_IOPL, FLAG_NT, FLAG_RF, FLAG_TF, FLAG_VIF, FLAG_VIP, FLAGS_ARITH, gpr,
  hasCr4, iopl, isV86, RSP, segAttr, segBase, segLimit, segSelector, SS,
} from "../state";
import { frameBits, framePointer, openFrame, pushFrame } from "./frame";

/** Flags that 16-bit POPF and IRET take from their image when VIF stands for IF. */
export const VIRTUAL_IMAGE: i32 = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_VIF;

/** Offset of the I/O map base in a 32-bit TSS; below the I/O map are the 32 bytes of the redirection map. */
const IO_MAP_BASE: u32 = 0x66;
const REDIRECTION_BYTES: u32 = 32;
const WIDE_TSS: u32 = 0x800;

/** The image of POPF or IRET with IF as VIF; #GP(0) where the monitor must see to TF or to an interrupt it holds. */
export function takeVirtualIf(image: i32): i32 {
  if (image & FLAG_TF || (image & FLAG_IF && load<i32>(EFLAGS) & FLAG_VIP)) faultGp(0);
  return (image & 0xffff) | (image & FLAG_IF ? FLAG_VIF : 0);
}

/** After entering code with VIF: VIP together with VIF is #GP(0) before its first instruction. */
export function checkVirtualInterrupt(): void {
  const flags = load<i32>(EFLAGS);
  if ((flags & (FLAG_VIF | FLAG_VIP)) != (FLAG_VIF | FLAG_VIP)) return;
  if (cpl() == 3 && iopl() < 3 && load<u64>(CR4) & (isV86() ? CR4_VME : CR4_PVI)) faultGp(0);
}

/** True when the redirection map of the task sends a software interrupt to the 8086 program. */
function isRedirected(vector: i32): bool {
  const limit = load<u32>(SEG_TR + SEG_LIMIT);
  if (!(load<u32>(SEG_TR + SEG_ATTR) & WIDE_TSS) || limit < IO_MAP_BASE + 1) faultGp(0);
  const base = load<u64>(SEG_TR + SEG_BASE);
  const offset = <u32>loadSystem(base + IO_MAP_BASE, 2) - REDIRECTION_BYTES + (<u32>vector >> 3);
  if (offset > limit) faultGp(0);
  return !((<i32>loadSystem(base + offset, 1) >> (vector & 7)) & 1);
}

/** INT n in virtual-8086 mode: goes through the 8086 program's own vector table when CR4.VME and the map say so. */
export function redirectInterrupt(vector: i32): bool {
  if (!hasCr4(CR4_VME) || !isRedirected(vector)) return false;
  const level = iopl();
  const flags = getEflags();
  const image = level == 3 ? flags : (flags & ~FLAG_IF) | FLAG_IOPL | (flags & FLAG_VIF ? FLAG_IF : 0);
  const entry = <u32>loadSystem(<u64>vector << 2, 4);
  openFrame(segBase(SS), segLimit(SS), segAttr(SS), gpr(RSP), 6, setOfLevel(3), 0);
  pushFrame(2, image & 0xffff);
  pushFrame(2, segSelector(CS));
  pushFrame(2, load<u64>(NEXT_RIP));
  setStackPointer(framePointer(), frameBits());
  loadParagraph(CS, entry >> 16);
  store<u64>(RIP, entry & 0xffff);
  store<i32>(EFLAGS, load<i32>(EFLAGS) & ~(FLAG_TF | FLAG_RF | (level == 3 ? FLAG_IF : FLAG_VIF)));
  store<u32>(SHADOW, 0);
  store<u32>(DEBUG_STEP, 0);
  updateContext();
  return true;
}
