import { type SchedulerDump, vcpuName } from '#sdk';
import type { SedfPcpu, SedfVcpu } from './queues.ts';

/** The state of sEDF, for people. */
export function dumpSedf(pcpus: readonly SedfPcpu[], vcpus: readonly SedfVcpu[], isOnline: (pcpu: number) => boolean): SchedulerDump {
  return {
    scheduler: 'sedf',
    pcpus: pcpus.map(({ current, run, wait, penalty, utilisation, expiresNs }, pcpu) => ({
      pcpu,
      online: isOnline(pcpu),
      current: current === null ? 'idle' : vcpuName(current.vcpu),
      queues: { run: run.names(), wait: wait.names(), penalty: penalty.names(), utilisation: utilisation.names() },
      values: { expiresNs },
    })),
    vcpus: vcpus.map((state) => ({
      domid: state.domid,
      vcpuId: state.vcpu.vcpuId,
      pcpu: state.pcpu,
      awake: state.awake,
      ranNs: state.ranNs,
      values: {
        periodNs: state.periodNs,
        sliceNs: state.sliceNs,
        extratime: state.extratime,
        deadlineNs: state.deadlineNs,
        cputimeNs: state.cputimeNs,
        running: state.running ?? 'no',
        lostNs: state.lostNs,
        penaltyScore: state.penaltyScore,
        utilisationScore: state.utilisationScore,
        misses: state.misses,
      },
    })),
  };
}
