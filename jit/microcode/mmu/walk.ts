/** Hot path: page walks. SDM vol 3 chapter 4; results are left in module variables for translate.ts. */
import { CR3, CR4, EFER, PDPTE, RAM_SIZE } from "../../state/vcpu-layout";
import { ramCmpxchg32, ramCmpxchg64, ramLoad32, ramLoad64 } from "../host";
import { a20, CR4_PAE, CR4_PSE, EFER_NXE, isLongMode } from "../state";

/** Width of physical addresses; CPUID leaf 80000008H must say the same. */
export const PHYSICAL_ADDRESS_BITS: i32 = 40;

export const PTE_P: u64 = 1;
export const PTE_RW: u64 = 2;
export const PTE_US: u64 = 4;
export const PTE_A: u64 = 0x20;
export const PTE_D: u64 = 0x40;
export const PTE_PS: u64 = 0x80;
export const PTE_G: u64 = 0x100;
export const PTE_NX: u64 = 0x8000000000000000;

/** Results of a walk. */
export const WALK_OK: i32 = -1;
/** An entry is not present: the error code has P = 0. */
export const WALK_ABSENT: i32 = 0;
/** An entry has a reserved bit set: the error code has P and RSVD. */
export const WALK_RESERVED: i32 = 9;

const ADDRESS: u64 = 0x000ffffffffff000;
const HIGH_RESERVED: u64 = 0x000fffffffffffff & ~(((<u64>1) << PHYSICAL_ADDRESS_BITS) - 1);

/** Physical address of the 4 KiB page, when the walk succeeded. */
export let walkFrame: u64 = 0;
/** AND of all entries: P, RW, US, A. */
export let walkAnd: u64 = 0;
/** The entry that maps the page: D, G and, as an OR of all, NX. */
export let walkLeaf: u64 = 0;

let depth: i32 = 0;
let address0: u32 = 0;
let address1: u32 = 0;
let address2: u32 = 0;
let address3: u32 = 0;
let entry0: u64 = 0;
let entry1: u64 = 0;
let entry2: u64 = 0;
let entry3: u64 = 0;

function inRam(pa: u64): bool { return pa + 8 <= <u64>load<u32>(RAM_SIZE); }

/** Reads a paging entry; outside RAM the bus answers ones, which are reserved bits. */
// @ts-ignore: decorator
@inline function entry64(pa: u64): u64 { return inRam(pa) ? ramLoad64(<i32>pa) : ~(<u64>0); }

/** The last two levels, common to PAE and 4-level paging. `directory` is the physical address of the page directory. */
function walkDirectory(linear: u64, directory: u64, reserved: u64, and: u64, or: u64): i32 {
  const pdeAddress = (directory + ((linear >> 18) & 0xff8)) & a20();
  const pde = entry64(pdeAddress);
  if (!(pde & PTE_P)) return WALK_ABSENT;
  if (pde & reserved) return WALK_RESERVED;
  address2 = <u32>pdeAddress;
  entry2 = pde;
  if (pde & PTE_PS) {
    if (pde & 0x1fe000) return WALK_RESERVED;
    depth = 3;
    walkFrame = (pde & ADDRESS & ~(<u64>0x1fffff)) | (linear & 0x1ff000);
    walkAnd = and & pde;
    walkLeaf = pde | (or & PTE_NX);
    return WALK_OK;
  }
  const pteAddress = ((pde & ADDRESS) + ((linear >> 9) & 0xff8)) & a20();
  const pte = entry64(pteAddress);
  if (!(pte & PTE_P)) return WALK_ABSENT;
  if (pte & reserved) return WALK_RESERVED;
  address3 = <u32>pteAddress;
  entry3 = pte;
  depth = 4;
  walkFrame = pte & ADDRESS;
  walkAnd = and & pde & pte;
  walkLeaf = pte | ((or | pde) & PTE_NX);
  return WALK_OK;
}

function walkLong(linear: u64): i32 {
  const reserved = load<u64>(EFER) & EFER_NXE ? HIGH_RESERVED : HIGH_RESERVED | PTE_NX;
  const pml4eAddress = ((load<u64>(CR3) & ADDRESS) + ((linear >> 36) & 0xff8)) & a20();
  const pml4e = entry64(pml4eAddress);
  if (!(pml4e & PTE_P)) return WALK_ABSENT;
  if (pml4e & (reserved | PTE_PS)) return WALK_RESERVED;
  address0 = <u32>pml4eAddress;
  entry0 = pml4e;
  const pdpteAddress = ((pml4e & ADDRESS) + ((linear >> 27) & 0xff8)) & a20();
  const pdpte = entry64(pdpteAddress);
  if (!(pdpte & PTE_P)) return WALK_ABSENT;
  if (pdpte & reserved) return WALK_RESERVED;
  address1 = <u32>pdpteAddress;
  entry1 = pdpte;
  const and = pml4e & pdpte;
  const or = pml4e | pdpte;
  if (!(pdpte & PTE_PS)) return walkDirectory(linear, pdpte & ADDRESS, reserved, and, or);
  if (pdpte & 0x3fffe000) return WALK_RESERVED;
  depth = 2;
  walkFrame = (pdpte & ADDRESS & ~(<u64>0x3fffffff)) | (linear & 0x3ffff000);
  walkAnd = and;
  walkLeaf = pdpte | (or & PTE_NX);
  return WALK_OK;
}

function walkPae(linear: u64): i32 {
  const pdpte = load<u64>(PDPTE + ((<i32>(linear >> 30) & 3) << 3));
  if (!(pdpte & PTE_P)) return WALK_ABSENT;
  const high = HIGH_RESERVED | 0x7ff0000000000000;
  const reserved = load<u64>(EFER) & EFER_NXE ? high : high | PTE_NX;
  entry0 = PTE_A;
  entry1 = PTE_A;
  return walkDirectory(linear, pdpte & ADDRESS, reserved, ~(<u64>0), 0);
}

function walk32(linear: u64): i32 {
  const pdeAddress = ((load<u64>(CR3) & 0xfffff000) + ((linear >> 20) & 0xffc)) & a20();
  const pde = inRam(pdeAddress) ? <u64><u32>ramLoad32(<i32>pdeAddress) : 0xffffffff;
  if (!(pde & PTE_P)) return WALK_ABSENT;
  address2 = <u32>pdeAddress;
  entry2 = pde;
  depth = 5;
  if (pde & PTE_PS && load<u64>(CR4) & CR4_PSE) {
    if (pde & 0x200000) return WALK_RESERVED;
    walkFrame = (pde & 0xffc00000) | ((pde & 0x1fe000) << 19) | (linear & 0x3ff000);
    walkAnd = pde;
    walkLeaf = pde;
    return WALK_OK;
  }
  const pteAddress = ((pde & 0xfffff000) + ((linear >> 10) & 0xffc)) & a20();
  const pte = inRam(pteAddress) ? <u64><u32>ramLoad32(<i32>pteAddress) : 0xffffffff;
  if (!(pte & PTE_P)) return WALK_ABSENT;
  address3 = <u32>pteAddress;
  entry3 = pte;
  depth = 6;
  walkFrame = pte & 0xfffff000;
  walkAnd = pde & pte;
  walkLeaf = pte;
  return WALK_OK;
}

/** Walks the paging structures for a linear address, with paging on: WALK_OK or the P and RSVD bits of an error code. */
export function walk(linear: u64): i32 {
  if (isLongMode()) return walkLong(linear);
  return load<u64>(CR4) & CR4_PAE ? walkPae(linear) : walk32(linear);
}

function mark64(address: u32, entry: u64, bits: u64): bool {
  if ((entry & bits) == bits) return true;
  return ramCmpxchg64(address, entry, entry | bits) == entry;
}

function mark32(address: u32, entry: u64, bits: u64): bool {
  if ((entry & bits) == bits) return true;
  return ramCmpxchg32(address, <i32>entry, <i32>(entry | bits)) == <i32>entry;
}

/** Size of the page that the last walk found: 0 = 4 KiB, 1 = 2 or 4 MiB, 2 = 1 GiB. */
export function walkPageSize(): i32 {
  if (depth == 3 || depth == 5) return 1;
  return depth == 2 ? 2 : 0;
}

/**
 * Sets the accessed bits of the entries of the last walk, and the dirty bit of the last one for a write.
 * False: another CPU changed an entry meanwhile; walk again.
 */
export function markAccessed(write: bool): bool {
  const leafBits = write ? PTE_A | PTE_D : PTE_A;
  if (depth >= 5) {
    if (depth == 5) return mark32(address2, entry2, leafBits);
    return mark32(address2, entry2, PTE_A) && mark32(address3, entry3, leafBits);
  }
  if (!mark64(address0, entry0, PTE_A)) return false;
  if (depth == 2) return mark64(address1, entry1, leafBits);
  if (!mark64(address1, entry1, PTE_A)) return false;
  if (depth == 3) return mark64(address2, entry2, leafBits);
  return mark64(address2, entry2, PTE_A) && mark64(address3, entry3, leafBits);
}
