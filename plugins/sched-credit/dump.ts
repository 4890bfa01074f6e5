import { type SchedulerDump, vcpuName } from '#sdk';
import { type CreditVcpu, PRIORITY_NAMES, type RunQueue } from './run-queue.ts';

/** Xen's unit of credit: 100 of them are 10 ms. */
const CREDIT_NS = 100_000;

/** The state of the credit scheduler, for people. */
export function dumpCredit(queues: readonly RunQueue[], vcpus: readonly CreditVcpu[], isOnline: (pcpu: number) => boolean): SchedulerDump {
  return {
    scheduler: 'credit',
    pcpus: queues.map((queue, pcpu) => ({
      pcpu,
      online: isOnline(pcpu),
      current: queue.current === null ? 'idle' : vcpuName(queue.current.vcpu),
      queues: { run: queue.names() },
      values: {},
    })),
    vcpus: vcpus.map((state) => ({
      domid: state.domain.domid,
      vcpuId: state.vcpu.vcpuId,
      pcpu: state.pcpu,
      awake: state.awake,
      ranNs: state.ranNs,
      values: {
        priority: PRIORITY_NAMES[state.priority] ?? String(state.priority),
        credit: Math.round(state.creditNs / CREDIT_NS),
        weight: state.domain.weight,
        cap: state.domain.cap,
        active: state.active,
        parked: state.parked,
      },
    })),
  };
}
