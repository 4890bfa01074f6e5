/** Alignment checks and data breakpoints: accesses while TLB set 3 is in force. SDM vol 3, 6.15 (#AC) and 17.2. */
import { CR0, DEBUG_TRAP, DR, EFLAGS } from "../../state/vcpu-layout";
import { recordFault, VECTOR_AC } from "../fault";
import { cpl, CR0_AM, FLAG_AC } from "../state";

/** True when unaligned user accesses fault. */
export function isAlignmentChecked(): bool {
  return cpl() == 3 && (load<i32>(EFLAGS) & FLAG_AC) != 0 && (load<u64>(CR0) & CR0_AM) != 0;
}

/** DR7 as it stands. */
// @ts-ignore: decorator
@inline export function dr7(): u32 { return load<u32>(DR + 56); }

/** Length in bytes of breakpoint `index`. */
export function breakpointLength(index: i32): u64 {
  const field = (dr7() >> (18 + (index << 2))) & 3;
  return field == 2 ? 8 : field + 1;
}

/** R/W field of breakpoint `index`: 0 execute, 1 write, 2 port, 3 read or write; -1 when it is not enabled. */
export function breakpointKind(index: i32): i32 {
  if (!((dr7() >> (index << 1)) & 3)) return -1;
  return (dr7() >> (16 + (index << 2))) & 3;
}

/** True when any enabled breakpoint watches memory accesses. */
export function hasDataBreakpoints(): bool {
  for (let i = 0; i < 4; i++) if (breakpointKind(i) == 1 || breakpointKind(i) == 3) return true;
  return false;
}

/** Looks at one access; false: #AC is recorded. `access` is 0 for a read, 1 for a write. */
export function checkWatched(linear: u64, size: i32, access: i32): bool {
  if (size <= 8 && <i32>linear & (size - 1) && isAlignmentChecked()) {
    recordFault(VECTOR_AC, 0);
    return false;
  }
  for (let i = 0; i < 4; i++) {
    const kind = breakpointKind(i);
    if (kind != 3 && !(kind == 1 && access)) continue;
    const length = breakpointLength(i);
    const address = load<u64>(DR + (i << 3)) & ~(length - 1);
    if (linear < address + length && address < linear + <u64>size) {
      store<u32>(DEBUG_TRAP, load<u32>(DEBUG_TRAP) | (<u32>1 << i));
    }
  }
  return true;
}
