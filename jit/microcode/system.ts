/** The system routines: the list in README.md, and nothing else, is exported. */
export { flushPage } from "./mmu/large-page";
export { codePageProtect, flushTlb } from "./mmu/tlb";
export { slowExchange, slowProbeRead, slowProbeWrite, slowRead, slowRead128, slowReadForWrite, slowWrite, slowWrite128 } from "./mmu/slow-path";
export { enterBlock, fetchCurrent, fetchPage, fillJump, findBlock, reviveJump, translate, translateNoFault } from "./mmu/translate";
export { updateContext } from "./context";
export { getEflags, setEflags } from "./flags";
export { fault } from "./fault";
export { resetCpu } from "./reset";
export { plainLimit, segLinear } from "./segment/segment";
export {
  arpl, lar, loadFarPointer, lsl, movToSegment, popSegment, pushSegment, readSegmentBase, swapgs, verr, verw, writeSegmentBase,
} from "./segment/segment-op";
export { lgdt, lidt, lldt, lmsw, ltr, sgdt, sidt, sldt, smsw, str } from "./segment/table";
export { deliver, deliverFault, int1, int3, into, softwareInterrupt } from "./exception/deliver";
export { iret } from "./exception/iret";
export { farCall, farJump, farReturn } from "./transfer/far";
export { syscall, sysenter, sysexit, sysret } from "./transfer/syscall";
export { debugAfter, debugBefore, movFromDr, movToDr } from "./exception/debug";
export { hypercall } from "./control/hypercall";
export { clac, cli, hlt, invd, monitor, mwait, popf, pushf, stac, sti, wbinvd } from "./control/flag-op";
export { clts, invlpg, invpcid, movFromCr, movToCr } from "./control/control";
export {
  cpuidOp, rdmsrOp, rdpid, rdpmc, rdrand, rdseed, rdtsc, rdtscp, wrmsrOp, xgetbv, xsetbv,
} from "./control/msr";
export { fxrstor, fxsave, xrstor, xsave } from "./control/xsave";
export { stringOp } from "./string/string";
export { ioIn, ioOut } from "./string/port";
export { bound, enter, popa, pusha } from "./segment/stack-op";
