/** A slow, plain model of SDM vol 3, 4.3-4.7, to compare the microcode's page walk with. */

/** How paging is set up. */
export interface Paging {
  readonly kind: '32' | 'pae' | '4-level';
  readonly pse: boolean;
  readonly wp: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  readonly nxe: boolean;
  readonly ac: boolean;
}

/** One access. */
export interface Access {
  readonly linear: bigint;
  readonly kind: 'read' | 'write' | 'execute';
  readonly user: boolean;
}

/** Memory of the model: entries of 4 or 8 bytes by physical address. */
export interface Entries {
  read(address: bigint, bytes: 4 | 8): bigint;
  write(address: bigint, bytes: 4 | 8, value: bigint): void;
}

/** A physical address, or the error code of a page fault. */
export type Outcome = { readonly physical: bigint } | { readonly error: number };

interface Level {
  readonly bytes: 4 | 8;
  readonly shift: bigint;
  readonly bits: bigint;
  /** The PS bit makes an entry of this level map a page. */
  readonly large: 'never' | 'reserved' | 'page';
}

const PHYSICAL_BITS = 40n;
const mask = (low: bigint, high: bigint): bigint => ((1n << (high + 1n)) - 1n) & ~((1n << low) - 1n);

function levelsOf(paging: Paging): readonly Level[] {
  if (paging.kind === '32')
    return [
      { bytes: 4, shift: 22n, bits: 10n, large: paging.pse ? 'page' : 'never' },
      { bytes: 4, shift: 12n, bits: 10n, large: 'never' },
    ];
  const low: readonly Level[] = [
    { bytes: 8, shift: 21n, bits: 9n, large: 'page' },
    { bytes: 8, shift: 12n, bits: 9n, large: 'never' },
  ];
  if (paging.kind === 'pae') return low;
  return [{ bytes: 8, shift: 39n, bits: 9n, large: 'reserved' }, { bytes: 8, shift: 30n, bits: 9n, large: 'page' }, ...low];
}

function reservedBits(paging: Paging, level: Level, isPage: boolean): bigint {
  if (level.bytes === 4) return isPage && level.shift === 22n ? mask(21n, 21n) : 0n;
  let bits = mask(PHYSICAL_BITS, 51n);
  if (!paging.nxe) bits |= 1n << 63n;
  if (paging.kind === 'pae') bits |= mask(52n, 62n);
  if (level.large === 'reserved') bits |= 0x80n;
  if (isPage && level.shift > 12n) bits |= mask(13n, level.shift - 1n);
  return bits;
}

function mayAccess(paging: Paging, access: Access, userPage: boolean, writable: boolean, nx: boolean): boolean {
  if (access.kind === 'execute') return !nx && (access.user ? userPage : !(userPage && paging.smep));
  if (access.user) return userPage && (access.kind === 'read' || writable);
  if (userPage && paging.smap && !paging.ac) return false;
  return access.kind === 'read' || writable || !paging.wp;
}

/** Walks from the table at `root`, setting accessed and dirty bits when the access is allowed. */
export function walk(paging: Paging, root: bigint, access: Access, memory: Entries): Outcome {
  const fetchBit = access.kind === 'execute' && (paging.smep || (paging.kind !== '32' && paging.nxe)) ? 16 : 0;
  const base = (access.kind === 'write' ? 2 : 0) | (access.user ? 4 : 0) | fetchBit;
  let table = root;
  let user = true;
  let writable = true;
  let nx = false;
  const path: { address: bigint; bytes: 4 | 8; entry: bigint }[] = [];
  for (const level of levelsOf(paging)) {
    const address = table + ((access.linear >> level.shift) & ((1n << level.bits) - 1n)) * BigInt(level.bytes);
    const entry = memory.read(address, level.bytes);
    if ((entry & 1n) === 0n) return { error: base };
    const isPage = level.shift === 12n || (level.large === 'page' && (entry & 0x80n) !== 0n);
    if ((entry & reservedBits(paging, level, isPage)) !== 0n) return { error: base | 9 };
    path.push({ address, bytes: level.bytes, entry });
    user &&= (entry & 4n) !== 0n;
    writable &&= (entry & 2n) !== 0n;
    nx ||= level.bytes === 8 && entry >> 63n === 1n;
    if (!isPage) {
      table = entry & (level.bytes === 4 ? mask(12n, 31n) : mask(12n, 51n));
      continue;
    }
    if (!mayAccess(paging, access, user, writable, nx)) return { error: base | 1 };
    for (const [i, step] of path.entries()) {
      const dirty = access.kind === 'write' && i === path.length - 1 ? 0x40n : 0n;
      memory.write(step.address, step.bytes, step.entry | 0x20n | dirty);
    }
    const inPage = access.linear & ((1n << level.shift) - 1n);
    const high = level.bytes === 4 && level.shift === 22n ? (entry & mask(13n, 20n)) << 19n : 0n;
    return { physical: (entry & mask(level.shift, level.bytes === 4 ? 31n : 51n)) | high | inPage };
  }
  throw new Error('the last level maps a page');
}
