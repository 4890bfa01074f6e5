import { type SchedulerDump, vcpuName } from '#sdk';
import { type BvtPcpu, type BvtVcpu, effectiveTime } from './pcpu-queue.ts';

/** The state of BVT, for people. */
export function dumpBvt(pcpus: readonly BvtPcpu[], vcpus: readonly BvtVcpu[], isOnline: (pcpu: number) => boolean): SchedulerDump {
  return {
    scheduler: 'bvt',
    pcpus: pcpus.map((queue, pcpu) => ({
      pcpu,
      online: isOnline(pcpu),
      current: queue.current === null ? 'idle' : vcpuName(queue.current.vcpu),
      queues: { run: queue.names() },
      values: { svt: queue.svt },
    })),
    vcpus: vcpus.map((state) => ({
      domid: state.vcpu.domid,
      vcpuId: state.vcpu.vcpuId,
      pcpu: state.pcpu,
      awake: state.awake,
      ranNs: state.ranNs,
      values: { avt: state.avt, evt: effectiveTime(state), mcuAdvance: state.parameters.mcuAdvance, warping: state.warping },
    })),
  };
}
