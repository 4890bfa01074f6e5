import { Errno, SchedOp, ShutdownReason } from '#sdk';
import { type HypercallCall, type HypercallHandler, toNumber } from './call.ts';

const POLL_MOST = 128;
const WATCHDOGS = 2;

/** `sched_op`: a vCPU gives way, waits, or ends its domain. */
export const schedOp: HypercallHandler = (call) => {
  switch (call.arg(0)) {
    case SchedOp.SCHEDOP_yield:
      call.vcpu.yield();
      return 0;
    case SchedOp.SCHEDOP_block:
      call.vcpu.wait({ kind: 'block' });
      return 0;
    case SchedOp.SCHEDOP_shutdown:
    case SchedOp.SCHEDOP_shutdown_code:
      return shutdown(call);
    case SchedOp.SCHEDOP_poll:
      return poll(call);
    case SchedOp.SCHEDOP_remote_shutdown:
      return -Errno.EPERM;
    case SchedOp.SCHEDOP_watchdog:
      return watchdog(call);
    default:
      return -Errno.ENOSYS;
  }
};

function shutdown(call: HypercallCall): number {
  const reason = call.struct(1, 4)?.getUint32(0, true);
  if (reason === undefined) return -Errno.EFAULT;
  if (reason > ShutdownReason.SHUTDOWN_soft_reset) return -Errno.EINVAL;
  // Nobody asked the guest to suspend, and nobody would resume it.
  if (reason === ShutdownReason.SHUTDOWN_suspend) return -Errno.EOPNOTSUPP;
  call.domain.shutdown(reason);
  return 0;
}

function poll(call: HypercallCall): number {
  const struct = call.struct(1, call.wide ? 24 : 16);
  if (struct === undefined) return -Errno.EFAULT;
  const count = struct.getUint32(call.wide ? 8 : 4, true);
  const timeout = struct.getBigUint64(call.wide ? 16 : 8, true);
  if (count > POLL_MOST) return -Errno.EINVAL;
  const list = call.access.read(call.longAt(struct, 0), 4 * count);
  if (list === undefined) return -Errno.EFAULT;
  const ports = Array.from({ length: count }, (_, i) => list.getUint32(4 * i, true));
  const { events } = call.domain.state;
  if (ports.some((port) => events.status(port) === undefined)) return -Errno.EINVAL;
  if (ports.some((port) => events.isPending(port))) return 0;
  call.vcpu.wait({ kind: 'poll', ports, timeoutNs: timeout === 0n ? null : toNumber(timeout) });
  return 0;
}

function watchdog(call: HypercallCall): number {
  const struct = call.struct(1, 8);
  if (struct === undefined) return -Errno.EFAULT;
  const id = struct.getUint32(0, true);
  const seconds = struct.getUint32(4, true);
  const { domain } = call;
  if (id > WATCHDOGS || (id === 0 && seconds === 0)) return -Errno.EINVAL;
  if (id !== 0) {
    if (!domain.watchdogs.has(id)) return -Errno.EINVAL;
    domain.setWatchdog(id, seconds);
    return 0;
  }
  for (let free = 1; free <= WATCHDOGS; free++) {
    if (domain.watchdogs.has(free)) continue;
    domain.setWatchdog(free, seconds);
    return free;
  }
  return -Errno.ENOSPC;
}
