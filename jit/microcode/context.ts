/** Hot path: everything that follows from CS, SS, CPL, CR0, CR4, EFER and EFLAGS.VM, TF and AC. */
import {
  BUDGET, BUDGET_DEBT, CPL, CR0, CR4, CODE_BASE, CODE_LIMIT, CTX, DATA_SET, EFER, EFLAGS, FPU_BLOCKED, GPR, INTR_PENDING, MODE_CODE_MASK, MODE_FLAT, MODE_SINGLE, MODE_STACK32, NMI_BLOCKED, NMI_PENDING, SEG_ATTR, SEG_BASE,
  SEG_CS, SEG_DS, SEG_ES, SEG_LIMIT, SEG_SS, SSE_BLOCKED, TLB, TLB_BASE, TLB_SET_SIZE,
} from "../state/vcpu-layout";
import {
  ATTR_DB, ATTR_L, CR0_EM, CR0_TS, CR4_OSFXSR, CR4_SMAP, EFER_LMA, FLAG_AC, FLAG_IF, FLAG_TF,
} from "./state";
import { ageJumpCache } from "./mmu/tlb";
import { dr7, hasDataBreakpoints, isAlignmentChecked } from "./mmu/watch";

/** Rights of a present, writable, expand-up data segment: unusable, S, P, code, expand-down and writable are looked at. */
const DATA_MASK: u32 = 0x19e00;
const DATA_RIGHTS: u32 = 0x9200;
/** Rights of a present, readable code segment. */
const CODE_MASK: u32 = 0x19a00;
const CODE_RIGHTS: u32 = 0x9a00;

function isWide(segment: i32): bool {
  return load<u64>(segment + SEG_BASE) == 0 && load<u32>(segment + SEG_LIMIT) == 0xffffffff;
}

function isFlatData(segment: i32): bool {
  return isWide(segment) && (load<u32>(segment + SEG_ATTR) & DATA_MASK) == DATA_RIGHTS;
}

function isFlat(): bool {
  return isFlatData(SEG_DS) && isFlatData(SEG_SS) && isFlatData(SEG_ES) && isWide(SEG_CS) &&
    (load<u32>(SEG_CS + SEG_ATTR) & CODE_MASK) == CODE_RIGHTS;
}

function codeMode(): u32 {
  const rights = load<u32>(SEG_CS + SEG_ATTR);
  // Long mode: the hidden base and limit mean nothing, so the key must not depend on them.
  if (load<u64>(EFER) & EFER_LMA && rights & ATTR_L) return 2 | MODE_FLAT;
  const code: u32 = rights & ATTR_DB ? 1 : 0;
  const stack: u32 = load<u32>(SEG_SS + SEG_ATTR) & ATTR_DB ? MODE_STACK32 : 0;
  return code | stack | (isFlat() ? MODE_FLAT : 0);
}

/** Upper halves of registers do not outlive 64-bit code (SDM vol 1, 3.4.1.1): 32-bit code may take them for 0. */
function clearUpperHalves(): void {
  for (let at = GPR; at < GPR + 64; at += 8) store<u32>(at + 4, 0);
}

/** The jump cache goes by RIP: where that is not a linear address its entries are for one code segment only. */
function noteCodeSegment(): void {
  const base = load<u64>(SEG_CS + SEG_BASE);
  const limit = load<u32>(SEG_CS + SEG_LIMIT);
  if (base == load<u64>(CODE_BASE) && limit == load<u32>(CODE_LIMIT)) return;
  store<u64>(CODE_BASE, base);
  store<u32>(CODE_LIMIT, limit);
  ageJumpCache();
}

/** Recomputes CTX, TLB_BASE, DATA_SET, FPU_BLOCKED and SSE_BLOCKED. */
export function updateContext(): void {
  const level = load<u32>(CPL);
  const flags = load<i32>(EFLAGS);
  const cr0 = load<u64>(CR0);
  const cr4 = load<u64>(CR4);
  let mode = codeMode();
  if (flags & FLAG_TF || dr7() & 0xff) mode |= MODE_SINGLE;
  if ((load<u32>(CTX) & MODE_CODE_MASK) == 2 && (mode & MODE_CODE_MASK) != 2) clearUpperHalves();
  store<u32>(CTX, (load<u32>(CTX) & 0xffff0000) | mode | (level << 8));
  if (!(mode & MODE_FLAT)) noteCodeSegment();
  let set: u32 = level == 3 ? 1 : 0;
  if (set == 0 && flags & FLAG_AC && cr4 & CR4_SMAP) set = 2;
  store<u32>(DATA_SET, set);
  const watched = (dr7() & 0xff && hasDataBreakpoints()) || (flags & FLAG_AC && isAlignmentChecked());
  store<u32>(TLB_BASE, TLB + (watched ? 3 : set) * TLB_SET_SIZE);
  const blocked = (cr0 & (CR0_EM | CR0_TS)) != 0;
  store<u32>(FPU_BLOCKED, blocked ? 1 : 0);
  store<u32>(SSE_BLOCKED, blocked || !(cr4 & CR4_OSFXSR) ? 1 : 0);
}

/** Takes the rest of the budget away, so that control returns to the host loop; the count of instructions stays exact. */
export function endSlice(): void {
  const left = load<i32>(BUDGET);
  if (left <= 0) return;
  store<i32>(BUDGET_DEBT, load<i32>(BUDGET_DEBT) + left);
  store<i32>(BUDGET, 0);
}

/** Ends the block when an interrupt or NMI that waits may be taken now. */
export function noticeInterrupt(): void {
  if (load<u32>(INTR_PENDING) && load<i32>(EFLAGS) & FLAG_IF) endSlice();
  if (load<u32>(NMI_PENDING) && !load<u32>(NMI_BLOCKED)) endSlice();
}
