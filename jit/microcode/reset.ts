/** The power-on state of a CPU. SDM vol 3, table 10-1. */
import {
  A20_MASK, CPL, CR0, CR2, CR3, CR4, CR8, DEBUG_TRAP, DELIVERING, DR, EFER, EFLAGS, FAULT, GDTR_BASE, GDTR_LIMIT, GPR,
  IDTR_BASE, IDTR_LIMIT, MISC_ENABLE, NMI_BLOCKED, PAT, PDPTE, RIP, SEG_LIMIT, SEG_NONE, SHADOW, SPEC_CTRL, TSC_AUX, TSC_OFFSET, XCR0,
  XMM, ZERO,
} from "../state/vcpu-layout";
import { updateContext } from "./context";
import { setEflags } from "./flags";
import { CS, FLAGS_ALL, LDTR, RDX, setGpr, setSegment, TR } from "./state";
import { resetTlb } from "./mmu/tlb";
import { sse_set_mxcsr } from "./fp/mxcsr";
import { initX87 } from "./control/xsave";

/** Family, model and stepping that RDX holds after a reset. */
const SIGNATURE: u64 = 0x600;
/** IA32_MISC_ENABLE: strings are moved fast, so nobody has to look for another way. SDM vol 4, table 2-2. */
const FAST_STRINGS: u64 = 1;

/** Puts registers, segments, control registers and TLB at their power-on values; RAM_SIZE and the clock are kept. */
export function resetCpu(): void {
  memory.fill(GPR, 0, 128);
  store<u64>(ZERO, 0);
  setGpr(RDX, SIGNATURE);
  for (let seg = 0; seg < 6; seg++) setSegment(seg, 0, 0, 0xffff, 0x9300);
  setSegment(CS, 0xf000, 0xffff0000, 0xffff, 0x9b00);
  setSegment(LDTR, 0, 0, 0xffff, 0x8200);
  setSegment(TR, 0, 0, 0xffff, 0x8b00);
  memory.fill(SEG_NONE, 0, 32);
  store<u32>(SEG_NONE + SEG_LIMIT, 0xffffffff);
  store<u64>(RIP, 0xfff0);
  store<i32>(EFLAGS, 2);
  setEflags(0, FLAGS_ALL);
  store<u64>(GDTR_BASE, 0);
  store<u32>(GDTR_LIMIT, 0xffff);
  store<u64>(IDTR_BASE, 0);
  store<u32>(IDTR_LIMIT, 0xffff);
  store<u64>(CR0, 0x60000010);
  store<u64>(CR2, 0);
  store<u64>(CR3, 0);
  store<u64>(CR4, 0);
  store<u64>(CR8, 0);
  memory.fill(EFER, 0, TSC_OFFSET - EFER);
  store<u64>(TSC_AUX, 0);
  store<u64>(PAT, 0x0007040600070406);
  store<u64>(MISC_ENABLE, FAST_STRINGS);
  store<u64>(SPEC_CTRL, 0);
  memory.fill(DR, 0, 48);
  store<u64>(DR + 48, 0xffff0ff0);
  store<u64>(DR + 56, 0x400);
  store<u64>(XCR0, 1);
  memory.fill(PDPTE, 0, 32);
  memory.fill(XMM, 0, 256);
  initX87();
  store<u32>(FAULT, 0);
  store<u32>(DELIVERING, 0);
  store<u32>(SHADOW, 0);
  store<u32>(NMI_BLOCKED, 0);
  store<u32>(DEBUG_TRAP, 0);
  store<u32>(A20_MASK, 0xffffffff);
  store<u32>(CPL, 0);
  sse_set_mxcsr(0x1f80);
  resetTlb();
  updateContext();
}
