import * as L from '#jit/layout';
import { Errno, Hypercall } from '#sdk';
import { type CallParts, HypercallCall, type HypercallHandler } from './call.ts';
import { consoleIo } from './console-io.ts';
import { eventChannelOp } from './event-channel-op.ts';
import { grantTableOp } from './grant-table-op.ts';
import { hvmOp } from './hvm-op.ts';
import { memoryOp } from './memory-op.ts';
import { schedOp } from './sched-op.ts';
import { setTimerOp, vcpuOp } from './vcpu-op.ts';
import { vmAssist } from './vm-assist.ts';
import { xenVersion } from './xen-version.ts';

const handlers: ReadonlyMap<number, HypercallHandler> = new Map([
  [Hypercall.memory_op, memoryOp],
  [Hypercall.set_timer_op, setTimerOp],
  [Hypercall.xen_version, xenVersion],
  [Hypercall.console_io, consoleIo],
  [Hypercall.grant_table_op, grantTableOp],
  [Hypercall.vm_assist, vmAssist],
  [Hypercall.vcpu_op, vcpuOp],
  // Nothing that a domain without privileges may ask a security module.
  [Hypercall.xsm_op, () => -Errno.EPERM],
  [Hypercall.sched_op, schedOp],
  [Hypercall.event_channel_op, eventChannelOp],
  // Physical devices and their interrupts are never a guest's.
  [Hypercall.physdev_op, () => -Errno.ENOSYS],
  [Hypercall.hvm_op, hvmOp],
]);

/** Told of each hypercall that was served. */
export type HypercallObserver = (call: HypercallCall, result: number) => void;

/** Serves the hypercall in the registers of a vCPU and puts the result where the guest looks for it. */
export function serveHypercall(parts: CallParts, observer?: HypercallObserver): void {
  const { core } = parts;
  const call = new HypercallCall(parts);
  const isUser = core.view.getUint32(L.CPL, true) !== 0;
  const result = isUser ? -Errno.EPERM : (handlers.get(call.number)?.(call) ?? -Errno.ENOSYS);
  observer?.(call, result);
  core.setGpr(0, BigInt.asUintN(call.wide ? 64 : 32, BigInt(result)));
}
