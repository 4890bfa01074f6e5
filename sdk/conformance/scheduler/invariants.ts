import { vcpuName } from '../../scheduler/dump.ts';
import { must } from './measure.ts';
import type { SchedulerSimulator } from './simulator.ts';
import type { SchedulerSubject } from './subject.ts';

/**
 * Watches a simulation for what a scheduler promises at every moment: that pCPUs don't idle while there is work, and
 * that nobody waits for too long. What must hold for each decision, the simulator checks by itself.
 */
export function watchPromises(simulator: SchedulerSimulator, { promises, takesIdleTime }: SchedulerSubject, pcpus: number): void {
  const idleSince: (number | undefined)[] = Array.from({ length: pcpus }, () => undefined);
  const { scheduler } = simulator;
  const takes = (domid: number): boolean => takesIdleTime?.(scheduler.domainParameters(domid) ?? {}) ?? true;

  const mustNotIdle = (pcpu: number, nowNs: number): void => {
    const since = idleSince[pcpu];
    idleSince[pcpu] = undefined;
    if (!simulator.isOnline(pcpu) || simulator.currentOf(pcpu) !== null) return;
    const waiting = simulator.vcpus.find((vcpu) => {
      if (!vcpu.runnable || vcpu.runningOn !== null) return false;
      const mine = promises.conserves === 'system' ? simulator.mayRun(vcpu, pcpu) : scheduler.pcpuOf(vcpu) === pcpu;
      return mine && takes(vcpu.domid);
    });
    if (waiting === undefined) return;
    idleSince[pcpu] = since ?? nowNs;
    must(nowNs - (since ?? nowNs) <= promises.idleGapNs, () => `pCPU ${pcpu} idled from ${since} to ${nowNs}, while vCPU ${vcpuName(waiting)} waited`);
  };

  simulator.observe({
    settled: (nowNs) => {
      for (let pcpu = 0; pcpu < pcpus; pcpu++) mustNotIdle(pcpu, nowNs);
      for (const vcpu of simulator.vcpus) {
        if (!vcpu.runnable || vcpu.runningOn !== null) continue;
        must(nowNs - vcpu.waitingSinceNs <= promises.starvationNs, () => `vCPU ${vcpuName(vcpu)} waits since ${vcpu.waitingSinceNs}, and it is ${nowNs}`);
      }
    },
  });
}
