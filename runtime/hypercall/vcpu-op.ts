import { Errno, VCPU_SSHOTTMR_future, VcpuInfo, VcpuOp, VcpuTimeInfo } from '#sdk';
import { Vcpu } from '../memory/domain-tables.ts';
import { PAGE } from '../memory/guest-ram.ts';
import { type HypercallCall, type HypercallHandler, toNumber } from './call.ts';
import type { HypercallVcpu } from './hypercall-domain.ts';

type VcpuHandler = (call: HypercallCall, vcpu: HypercallVcpu) => number;

const handlers: Readonly<Record<number, VcpuHandler>> = {
  // Processors of these domains start by INIT and SIPI, so there is no state to give.
  [VcpuOp.VCPUOP_initialise]: () => -Errno.ENOSYS,
  [VcpuOp.VCPUOP_up]: (call, vcpu) => {
    const { tables } = call.domain.state;
    if (tables.vcpu(vcpu.id, Vcpu.INITIALISED) === 0) return -Errno.EINVAL;
    if (tables.vcpu(vcpu.id, Vcpu.UP) === 0) vcpu.up();
    return 0;
  },
  [VcpuOp.VCPUOP_down]: (call, vcpu) => {
    call.domain.state.tables.setVcpu(vcpu.id, Vcpu.UP, 0);
    vcpu.down();
    return 0;
  },
  [VcpuOp.VCPUOP_is_up]: (call, vcpu) => call.domain.state.tables.vcpu(vcpu.id, Vcpu.UP),
  [VcpuOp.VCPUOP_get_runstate_info]: (call, vcpu) => (call.access.write(call.long(2), vcpu.runstate.image(call.wide)) ? 0 : -Errno.EFAULT),
  [VcpuOp.VCPUOP_register_runstate_memory_area]: registerRunstate,
  [VcpuOp.VCPUOP_set_periodic_timer]: (call, vcpu) => {
    const period = call.struct(2, 8);
    if (period === undefined) return -Errno.EFAULT;
    const ns = toNumber(period.getBigUint64(0, true));
    if (ns < LEAST_PERIOD_NS || ns > MOST_PERIOD_NS) return -Errno.EINVAL;
    vcpu.periodic.start(ns);
    return 0;
  },
  [VcpuOp.VCPUOP_stop_periodic_timer]: (_call, vcpu) => {
    vcpu.periodic.stop();
    return 0;
  },
  [VcpuOp.VCPUOP_set_singleshot_timer]: setSingleshot,
  [VcpuOp.VCPUOP_stop_singleshot_timer]: (call, vcpu) => {
    if (vcpu !== call.vcpu) return -Errno.EINVAL;
    vcpu.singleshot.cancel();
    return 0;
  },
  [VcpuOp.VCPUOP_register_vcpu_info]: registerInfo,
  [VcpuOp.VCPUOP_send_nmi]: (_call, vcpu) => {
    vcpu.sendNmi();
    return 0;
  },
  [VcpuOp.VCPUOP_register_vcpu_time_memory_area]: registerTime,
};

const LEAST_PERIOD_NS = 1_000_000;
const MOST_PERIOD_NS = 2 ** 62;

/** `vcpu_op`: places and timers of a vCPU. */
export const vcpuOp: HypercallHandler = (call) => {
  const vcpu = call.domain.vcpus[call.arg(1)];
  if (vcpu === undefined) return -Errno.ENOENT;
  return handlers[call.arg(0)]?.(call, vcpu) ?? -Errno.ENOSYS;
};

/** `set_timer_op`: the older form of a single shot, at an absolute time; 0 stops it. */
export const setTimerOp: HypercallHandler = (call) => {
  const at = call.wide ? call.long(0) : BigInt(call.arg(0)) | (BigInt(call.arg(1)) << 32n);
  if (at === 0n) call.vcpu.singleshot.cancel();
  else call.vcpu.singleshot.arm(Math.min(toNumber(at), Number.MAX_SAFE_INTEGER));
  return 0;
};

function setSingleshot(call: HypercallCall, vcpu: HypercallVcpu): number {
  if (vcpu !== call.vcpu) return -Errno.EINVAL;
  const struct = call.struct(2, call.wide ? 16 : 12);
  if (struct === undefined) return -Errno.EFAULT;
  const at = toNumber(struct.getBigUint64(0, true));
  if ((struct.getUint32(8, true) & VCPU_SSHOTTMR_future) !== 0 && at < call.domain.now()) return -Errno.ETIME;
  vcpu.singleshot.arm(Math.min(at, Number.MAX_SAFE_INTEGER));
  return 0;
}

/** The area may be anywhere among the kernel's addresses, so its pointer is kept and looked up for each update. */
function registerRunstate(call: HypercallCall, vcpu: HypercallVcpu): number {
  const struct = call.struct(2, 8);
  if (struct === undefined) return -Errno.EFAULT;
  return vcpu.runstate.register(call.longAt(struct, 0), call.wide) ? 0 : -Errno.EFAULT;
}

function registerInfo(call: HypercallCall, vcpu: HypercallVcpu): number {
  const struct = call.struct(2, 16);
  if (struct === undefined) return -Errno.EFAULT;
  const gfn = toNumber(struct.getBigUint64(0, true));
  const offset = struct.getUint32(8, true);
  if (offset > PAGE - VcpuInfo.SIZE || offset % 8 !== 0) return -Errno.EINVAL;
  const { tables, physmap, ram, upcall } = call.domain.state;
  const result = tables.lock.with(() => {
    if (tables.vcpu(vcpu.id, Vcpu.INFO) !== 0) return -Errno.EINVAL;
    const page = physmap.isRam(gfn) ? physmap.address(gfn) : -1;
    if (page < 0) return -Errno.EINVAL;
    const old = upcall.infoOf(vcpu.id);
    const address = page + offset;
    if (old >= 0) ram.write(address, ram.bytes.slice(old, old + VcpuInfo.SIZE));
    tables.setVcpu(vcpu.id, Vcpu.INFO, address);
    return 0;
  });
  if (result !== 0) return result;
  call.domain.writeTime(upcall.infoOf(vcpu.id) + VcpuInfo.time);
  ram.bytes[upcall.infoOf(vcpu.id)] = 0;
  upcall.markAll(vcpu.id);
  return 0;
}

function registerTime(call: HypercallCall): number {
  const struct = call.struct(2, 8);
  if (struct === undefined) return -Errno.EFAULT;
  const pointer = call.longAt(struct, 0);
  const info = call.access.read(pointer, VcpuTimeInfo.SIZE);
  if (info === undefined) return -Errno.EFAULT;
  return call.access.write(pointer, timeImage(call)) ? 0 : -Errno.EFAULT;
}

/** The same values as in `vcpu_info`, which never change. */
function timeImage(call: HypercallCall): Uint8Array {
  const { ram, upcall } = call.domain.state;
  const at = upcall.infoOf(call.vcpu.id) + VcpuInfo.time;
  return ram.bytes.slice(at, at + VcpuTimeInfo.SIZE);
}
