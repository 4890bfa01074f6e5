import { Domid, Errno, GrantOpStatus, GrantTableOp } from '#sdk';
import { copyGranted } from '../grant/grant-copy.ts';
import { MAX_GRANT_FRAMES } from '../memory/domain-tables.ts';
import type { HypercallCall, HypercallHandler } from './call.ts';

/** A call does no more than this, so that no guest keeps its pCPU. */
const MOST_OPERATIONS = 4096;

interface Operation {
  /** Bytes of the structure in both layouts. */
  readonly sizes: readonly [narrow: number, wide: number];
  /** Fills in the results; what is returned ends the call when it is not 0. */
  serve(call: HypercallCall, struct: DataView<ArrayBuffer>): number;
}

const operations: Readonly<Record<number, Operation>> = {
  // Pages of other domains are in other memories: a domain cannot have them among its own.
  [GrantTableOp.GNTTABOP_map_grant_ref]: { sizes: [32, 32], serve: (_call, struct) => setStatus(struct, 18, GrantOpStatus.GNTST_general_error) },
  [GrantTableOp.GNTTABOP_unmap_grant_ref]: { sizes: [24, 24], serve: (_call, struct) => setStatus(struct, 20, GrantOpStatus.GNTST_bad_handle) },
  [GrantTableOp.GNTTABOP_transfer]: { sizes: [16, 24], serve: (call, struct) => setStatus(struct, call.wide ? 16 : 12, GrantOpStatus.GNTST_general_error) },
  [GrantTableOp.GNTTABOP_setup_table]: { sizes: [16, 24], serve: setupTable },
  [GrantTableOp.GNTTABOP_copy]: { sizes: [24, 40], serve: copy },
  [GrantTableOp.GNTTABOP_query_size]: { sizes: [16, 16], serve: querySize },
  [GrantTableOp.GNTTABOP_get_version]: { sizes: [8, 8], serve: getVersion },
  [GrantTableOp.GNTTABOP_set_version]: { sizes: [4, 4], serve: setVersion },
};

/** `grant_table_op`: an array of operations, each with a status of its own. */
export const grantTableOp: HypercallHandler = (call) => {
  const operation = operations[call.arg(0)];
  if (operation === undefined) return -Errno.ENOSYS;
  const count = call.arg(2);
  if (count > MOST_OPERATIONS) return -Errno.EINVAL;
  const size = operation.sizes[call.wide ? 1 : 0];
  for (let i = 0; i < count; i++) {
    const at = call.long(1) + BigInt(i * size);
    const struct = call.access.read(at, size);
    if (struct === undefined) return -Errno.EFAULT;
    const result = operation.serve(call, struct);
    if (result !== 0) return result;
    if (!call.access.write(at, new Uint8Array(struct.buffer))) return -Errno.EFAULT;
  }
  return 0;
};

const isOwn = (call: HypercallCall, domid: number): boolean => domid === Domid.DOMID_SELF || domid === call.domain.state.domid;

function setStatus(struct: DataView, at: number, status: number): number {
  struct.setInt16(at, status, true);
  return 0;
}

function querySize(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  if (!isOwn(call, struct.getUint16(0, true))) return setStatus(struct, 12, GrantOpStatus.GNTST_permission_denied);
  struct.setUint32(4, call.domain.state.grants.frames, true);
  struct.setUint32(8, MAX_GRANT_FRAMES, true);
  return setStatus(struct, 12, GrantOpStatus.GNTST_okay);
}

function getVersion(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  if (!isOwn(call, struct.getUint16(0, true))) return -Errno.EPERM;
  struct.setUint32(4, 1, true);
  return 0;
}

function setVersion(_call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  const version = struct.getUint32(0, true);
  if (version === 1) return 0;
  return version === 2 ? -Errno.ENOSYS : -Errno.EINVAL;
}

function setupTable(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  const statusAt = 8;
  if (!isOwn(call, struct.getUint16(0, true))) return setStatus(struct, statusAt, GrantOpStatus.GNTST_permission_denied);
  const { grants, physmap, tables } = call.domain.state;
  const count = struct.getUint32(4, true);
  if (!tables.lock.with(() => grants.grow(count))) return setStatus(struct, statusAt, GrantOpStatus.GNTST_general_error);
  const list = call.longAt(struct, call.wide ? 16 : 12);
  const bytes = new DataView(new ArrayBuffer(count * (call.wide ? 8 : 4)));
  for (let i = 0; i < count; i++) {
    // A frame that is mapped nowhere reads as all ones.
    if (call.wide) bytes.setBigInt64(8 * i, BigInt(physmap.grantGfn(i)), true);
    else bytes.setInt32(4 * i, physmap.grantGfn(i), true);
  }
  const isWritten = call.access.write(list, new Uint8Array(bytes.buffer));
  return setStatus(struct, statusAt, isWritten ? GrantOpStatus.GNTST_okay : GrantOpStatus.GNTST_bad_virt_addr);
}

function copy(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  const { state } = call.domain;
  const word = call.wide ? 8 : 4;
  const end = word * 2;
  const endAt = (at: number) => {
    const domid = struct.getUint16(at + word, true);
    return {
      domid: domid === Domid.DOMID_SELF ? state.domid : domid,
      page: Number(call.longAt(struct, at)),
      offset: struct.getUint16(at + word + 2, true),
    };
  };
  const [source, destination] = [endAt(0), endAt(end)];
  const request = { source, destination, length: struct.getUint16(2 * end, true), flags: struct.getUint16(2 * end + 2, true) };
  return setStatus(
    struct,
    2 * end + 4,
    copyGranted(state, (domid) => call.domain.find(domid), request),
  );
}
