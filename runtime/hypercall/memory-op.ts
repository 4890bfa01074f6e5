import { Domid, Errno, MapSpace, MEMOP_EXTENT_SHIFT, MemoryOp } from '#sdk';
import { type HypercallCall, type HypercallHandler, toNumber } from './call.ts';

const E820_ENTRY = 20;
/** A call does no more than this, so that no guest keeps its pCPU. */
const MOST_EXTENTS = 1 << 16;
const MOST_ORDER = 9;

const operations: Readonly<Record<number, (call: HypercallCall) => number>> = {
  [MemoryOp.XENMEM_increase_reservation]: () => 0, // memory without a place in the physmap is of no use here
  [MemoryOp.XENMEM_decrease_reservation]: (call) => reservation(call, (gfn) => call.domain.state.physmap.release(gfn) === 0),
  [MemoryOp.XENMEM_populate_physmap]: (call) => reservation(call, (gfn) => call.domain.state.physmap.populate(gfn)),
  [MemoryOp.XENMEM_maximum_ram_page]: (call) => call.domain.state.physmap.ramFrames - 1,
  [MemoryOp.XENMEM_current_reservation]: (call) => call.domain.state.physmap.populated,
  [MemoryOp.XENMEM_maximum_reservation]: (call) => call.domain.state.physmap.ramFrames,
  [MemoryOp.XENMEM_maximum_gpfn]: maximumGpfn,
  [MemoryOp.XENMEM_add_to_physmap]: addToPhysmap,
  [MemoryOp.XENMEM_add_to_physmap_batch]: addBatch,
  [MemoryOp.XENMEM_remove_from_physmap]: removeFromPhysmap,
  [MemoryOp.XENMEM_memory_map]: memoryMap,
};

/** `memory_op`: what is at which guest frame. */
export const memoryOp: HypercallHandler = (call) => operations[call.arg(0) & ((1 << MEMOP_EXTENT_SHIFT) - 1)]?.(call) ?? -Errno.ENOSYS;

const isOwn = (call: HypercallCall, domid: number): boolean => domid === Domid.DOMID_SELF || domid === call.domain.state.domid;

/** Maps one page of the hypervisor's; 0 or a negative errno. The grant table grows to what is asked of it. */
function mapPage(call: HypercallCall, { space, index, gfn }: { space: number; index: number; gfn: number }): number {
  const { tables, physmap, grants } = call.domain.state;
  return tables.lock.with(() => {
    if (space === MapSpace.XENMAPSPACE_shared_info) return index === 0 ? physmap.mapSharedInfo(gfn) : -Errno.EINVAL;
    if (space !== MapSpace.XENMAPSPACE_grant_table) return -Errno.EOPNOTSUPP;
    return grants.grow(index + 1) ? physmap.mapGrantFrame(index, gfn) : -Errno.EINVAL;
  });
}

function addToPhysmap(call: HypercallCall): number {
  const struct = call.struct(1, call.wide ? 24 : 16);
  if (struct === undefined) return -Errno.EFAULT;
  if (!isOwn(call, struct.getUint16(0, true))) return -Errno.ESRCH;
  const gfn = toNumber(call.longAt(struct, call.wide ? 16 : 12));
  return mapPage(call, { space: struct.getUint32(4, true), index: toNumber(call.longAt(struct, 8)), gfn });
}

function addBatch(call: HypercallCall): number {
  const pointer = call.wide ? 8 : 4;
  const struct = call.struct(1, 8 + 3 * pointer);
  if (struct === undefined) return -Errno.EFAULT;
  if (!isOwn(call, struct.getUint16(0, true))) return -Errno.ESRCH;
  const count = struct.getUint16(4, true);
  const [indexes, gfns, errors] = [0, 1, 2].map((i) => call.longAt(struct, 8 + i * pointer)) as [bigint, bigint, bigint];
  for (let i = 0; i < count; i++) {
    const at = BigInt(i * pointer);
    const index = call.access.read(indexes + at, pointer);
    const gfn = call.access.read(gfns + at, pointer);
    if (index === undefined || gfn === undefined) return -Errno.EFAULT;
    const result = mapPage(call, { space: struct.getUint16(2, true), index: toNumber(call.longAt(index, 0)), gfn: toNumber(call.longAt(gfn, 0)) });
    if (!call.access.write(errors + BigInt(4 * i), new Uint8Array(Int32Array.of(result).buffer))) return -Errno.EFAULT;
  }
  return 0;
}

function removeFromPhysmap(call: HypercallCall): number {
  const struct = call.struct(1, call.wide ? 16 : 8);
  if (struct === undefined) return -Errno.EFAULT;
  if (!isOwn(call, struct.getUint16(0, true))) return -Errno.ESRCH;
  const gfn = toNumber(call.longAt(struct, call.wide ? 8 : 4));
  const { tables, physmap } = call.domain.state;
  return tables.lock.with(() => physmap.remove(gfn));
}

function maximumGpfn(call: HypercallCall): number {
  const { physmap } = call.domain.state;
  let highest = physmap.ramFrames - 1;
  physmap.forEachOutsideRam((gfn) => {
    highest = Math.max(highest, gfn);
  });
  return highest;
}

/** Returns how many extents were done: all up to the first that could not be. */
function reservation(call: HypercallCall, change: (gfn: number) => boolean): number {
  const { wide } = call;
  const pointer = wide ? 8 : 4;
  const struct = call.struct(1, wide ? 32 : 20);
  if (struct === undefined) return -Errno.EFAULT;
  const count = toNumber(call.longAt(struct, pointer));
  const order = struct.getUint32(2 * pointer, true);
  if (!isOwn(call, struct.getUint16(2 * pointer + 8, true))) return -Errno.ESRCH;
  if (count > MOST_EXTENTS || order > MOST_ORDER) return -Errno.EINVAL;
  const list = call.longAt(struct, 0);
  const { lock } = call.domain.state.tables;
  for (let done = call.arg(0) >>> MEMOP_EXTENT_SHIFT; done < count; done++) {
    const frame = call.access.read(list + BigInt(done * pointer), pointer);
    if (frame === undefined) return done;
    const first = toNumber(call.longAt(frame, 0));
    const isDone = lock.with(() => Array.from({ length: 1 << order }, (_, i) => change(first + i)).every(Boolean));
    if (!isDone) return done;
  }
  return count;
}

function memoryMap(call: HypercallCall): number {
  const struct = call.struct(1, call.wide ? 16 : 8);
  if (struct === undefined) return -Errno.EFAULT;
  const { memoryMap: map } = call.domain;
  if (struct.getUint32(0, true) < map.length) return -Errno.EINVAL;
  const bytes = new DataView(new ArrayBuffer(map.length * E820_ENTRY));
  map.forEach(({ base, length, type }, i) => {
    bytes.setBigUint64(i * E820_ENTRY, BigInt(base), true);
    bytes.setBigUint64(i * E820_ENTRY + 8, BigInt(length), true);
    bytes.setUint32(i * E820_ENTRY + 16, type, true);
  });
  if (!call.access.write(call.longAt(struct, call.wide ? 8 : 4), new Uint8Array(bytes.buffer))) return -Errno.EFAULT;
  struct.setUint32(0, map.length, true);
  return call.store(1, struct);
}
