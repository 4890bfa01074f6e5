/** The system routines: the list in README.md, and nothing else, is exported. */
export { codePageProtect, flushPage, flushTlb } from "./tlb";
export { slowProbeWrite, slowRead, slowRead128, slowReadForWrite, slowWrite, slowWrite128 } from "./slow-path";
export { fetchPage, translate, translateNoFault } from "./translate";
export { updateContext } from "./context";
export { getEflags, setEflags } from "./flags";
export { fault } from "./fault";
export { resetCpu } from "./reset";
export { segLinear } from "./segment";
export {
  arpl, lar, loadFarPointer, lsl, movToSegment, popSegment, pushSegment, readSegmentBase, swapgs, verr, verw, writeSegmentBase,
} from "./segment-op";
export { lgdt, lidt, lldt, lmsw, ltr, sgdt, sidt, sldt, smsw, str } from "./table";
export { deliver, deliverFault, int1, int3, into, softwareInterrupt } from "./deliver";
export { iret } from "./iret";
export { farCall, farJump, farReturn } from "./far";
export { syscall, sysenter, sysexit, sysret } from "./syscall";
export { debugAfter, debugBefore, movFromDr, movToDr } from "./debug";
export { clac, cli, hlt, invd, monitor, mwait, popf, pushf, stac, sti, wbinvd } from "./flag-op";
export { clts, invlpg, invpcid, movFromCr, movToCr } from "./control";
export {
  cpuidOp, rdmsrOp, rdpid, rdpmc, rdrand, rdseed, rdtsc, rdtscp, wrmsrOp, xgetbv, xsetbv,
} from "./msr";
export { fxrstor, fxsave, setMxcsr, xrstor, xsave } from "./xsave";
export { stringOp } from "./string";
export { ioIn, ioOut } from "./port";
export { bound, enter, popa, pusha } from "./stack-op";
