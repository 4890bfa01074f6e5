import { Domid, Errno, HvmMemType, HvmOp, HvmParam } from '#sdk';
import { Vcpu } from '../memory/domain-tables.ts';
import { type HypercallCall, type HypercallHandler, toNumber } from './call.ts';

/** Vectors below are exceptions'. */
const FIRST_VECTOR = 16;
const READABLE: ReadonlySet<number> = new Set([
  HvmParam.HVM_PARAM_CALLBACK_IRQ,
  HvmParam.HVM_PARAM_STORE_PFN,
  HvmParam.HVM_PARAM_STORE_EVTCHN,
  HvmParam.HVM_PARAM_CONSOLE_PFN,
  HvmParam.HVM_PARAM_CONSOLE_EVTCHN,
]);

/** `hvm_op`: parameters of the domain, and how it takes upcalls. */
export const hvmOp: HypercallHandler = (call) => {
  switch (call.arg(0)) {
    case HvmOp.HVMOP_set_param:
      return param(call, setParam);
    case HvmOp.HVMOP_get_param:
      return param(call, getParam);
    case HvmOp.HVMOP_set_evtchn_upcall_vector:
      return setUpcallVector(call);
    case HvmOp.HVMOP_get_mem_type:
      return getMemType(call);
    case HvmOp.HVMOP_pagetable_dying:
      // There are no shadows of the guest's page tables. Linux asks no more after a refusal.
      return -Errno.EINVAL;
    default:
      return -Errno.ENOSYS;
  }
};

function param(call: HypercallCall, serve: (call: HypercallCall, struct: DataView<ArrayBuffer>) => number): number {
  const struct = call.struct(1, 16);
  if (struct === undefined) return -Errno.EFAULT;
  const domid = struct.getUint16(0, true);
  if (domid !== Domid.DOMID_SELF && domid !== call.domain.state.domid) return -Errno.EPERM;
  return struct.getUint32(4, true) >= HvmParam.HVM_NR_PARAMS ? -Errno.EINVAL : serve(call, struct);
}

function setParam(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  // The others say where the toolstack has put things: they are not the guest's to move.
  if (struct.getUint32(4, true) !== HvmParam.HVM_PARAM_CALLBACK_IRQ) return -Errno.EPERM;
  const { domain } = call;
  domain.state.tables.params[HvmParam.HVM_PARAM_CALLBACK_IRQ] = struct.getBigUint64(8, true);
  domain.latchLayout(call.wide ? 64 : 32);
  return 0;
}

function getParam(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  const index = struct.getUint32(4, true);
  if (!READABLE.has(index)) return -Errno.EPERM;
  struct.setBigUint64(8, call.domain.state.tables.params[index] ?? 0n, true);
  return call.store(1, struct);
}

function setUpcallVector(call: HypercallCall): number {
  const struct = call.struct(1, 8);
  if (struct === undefined) return -Errno.EFAULT;
  const vcpu = call.domain.vcpus[struct.getUint32(0, true)];
  const vector = struct.getUint8(4);
  if (vcpu === undefined || vector < FIRST_VECTOR) return vcpu === undefined ? -Errno.ENOENT : -Errno.EINVAL;
  call.domain.state.tables.setVcpu(vcpu.id, Vcpu.UPCALL_VECTOR, vector);
  return 0;
}

function getMemType(call: HypercallCall): number {
  const struct = call.struct(1, 16);
  if (struct === undefined) return -Errno.EFAULT;
  const { physmap, tables } = call.domain.state;
  const gfn = toNumber(struct.getBigUint64(8, true));
  const isThere = tables.lock.with(() => physmap.address(gfn) >= 0);
  struct.setUint16(2, isThere ? HvmMemType.HVMMEM_ram_rw : HvmMemType.HVMMEM_mmio_dm, true);
  return call.store(1, struct);
}
