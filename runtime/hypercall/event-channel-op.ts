import { Domid, Errno, EventChannelOp, EventFifo } from '#sdk';
import { PortState } from '../event/port-state.ts';
import { type HypercallCall, type HypercallHandler, toNumber } from './call.ts';

type Operation = (call: HypercallCall, struct: DataView<ArrayBuffer>) => number;

/** Sub-operations with the sizes of their structures, which are the same in both layouts. */
const operations: Readonly<Record<number, readonly [size: number, serve: Operation]>> = {
  [EventChannelOp.EVTCHNOP_alloc_unbound]: [8, allocUnbound],
  [EventChannelOp.EVTCHNOP_bind_interdomain]: [
    12,
    (call, struct) => given(call, struct, { at: 8, port: events(call).bindInterdomain(struct.getUint16(0, true), struct.getUint32(4, true)) }),
  ],
  [EventChannelOp.EVTCHNOP_bind_virq]: [
    12,
    (call, struct) => given(call, struct, { at: 8, port: events(call).bindVirq(struct.getUint32(0, true), struct.getUint32(4, true)) }),
  ],
  [EventChannelOp.EVTCHNOP_bind_ipi]: [8, (call, struct) => given(call, struct, { at: 4, port: events(call).bindIpi(struct.getUint32(0, true)) })],
  [EventChannelOp.EVTCHNOP_close]: [4, (call, struct) => events(call).close(struct.getUint32(0, true))],
  [EventChannelOp.EVTCHNOP_send]: [4, (call, struct) => events(call).send(struct.getUint32(0, true))],
  [EventChannelOp.EVTCHNOP_status]: [24, status],
  [EventChannelOp.EVTCHNOP_bind_vcpu]: [8, (call, struct) => events(call).bindVcpu(struct.getUint32(0, true), struct.getUint32(4, true))],
  [EventChannelOp.EVTCHNOP_unmask]: [4, (call, struct) => events(call).unmask(struct.getUint32(0, true))],
  [EventChannelOp.EVTCHNOP_reset]: [2, (call, struct) => (isOwn(call, struct.getUint16(0, true)) ? events(call).reset() : -Errno.EPERM)],
  [EventChannelOp.EVTCHNOP_init_control]: [24, initControl],
  [EventChannelOp.EVTCHNOP_expand_array]: [8, (call, struct) => events(call).expandArray(toNumber(struct.getBigUint64(0, true)))],
  [EventChannelOp.EVTCHNOP_set_priority]: [8, (call, struct) => events(call).setPriority(struct.getUint32(0, true), struct.getUint32(4, true))],
};

/** `event_channel_op`. */
export const eventChannelOp: HypercallHandler = (call) => {
  const operation = operations[call.arg(0)];
  if (operation === undefined) return -Errno.ENOSYS;
  const [size, serve] = operation;
  const struct = call.struct(1, size);
  return struct === undefined ? -Errno.EFAULT : serve(call, struct);
};

const events = (call: HypercallCall) => call.domain.state.events;

const isOwn = (call: HypercallCall, domid: number): boolean => domid === Domid.DOMID_SELF || domid === call.domain.state.domid;

/** Writes a port that was allocated; when the guest cannot take it, it is closed again. */
function given(call: HypercallCall, struct: DataView<ArrayBuffer>, { at, port }: { at: number; port: number }): number {
  if (port < 0) return port;
  struct.setUint32(at, port, true);
  const result = call.store(1, struct);
  if (result < 0) events(call).close(port);
  return result;
}

function allocUnbound(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  if (!isOwn(call, struct.getUint16(0, true))) return -Errno.EPERM;
  return given(call, struct, { at: 4, port: events(call).allocUnbound(struct.getUint16(2, true)) });
}

function status(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  if (!isOwn(call, struct.getUint16(0, true))) return -Errno.EPERM;
  const port = events(call).status(struct.getUint32(4, true));
  if (port === undefined) return -Errno.EINVAL;
  struct.setUint32(8, port.state, true);
  struct.setUint32(12, port.vcpu, true);
  struct.setBigUint64(16, 0n, true);
  if (port.state === PortState.virq) struct.setUint32(16, port.remotePort, true);
  if (port.state === PortState.unbound || port.state === PortState.interdomain) struct.setUint16(16, port.remoteDomid, true);
  if (port.state === PortState.interdomain) struct.setUint32(20, port.remotePort, true);
  return call.store(1, struct);
}

function initControl(call: HypercallCall, struct: DataView<ArrayBuffer>): number {
  const result = events(call).initControl(struct.getUint32(12, true), toNumber(struct.getBigUint64(0, true)), struct.getUint32(8, true));
  if (result < 0) return result;
  struct.setUint8(16, EventFifo.EVTCHN_FIFO_LINK_BITS);
  return call.store(1, struct);
}
