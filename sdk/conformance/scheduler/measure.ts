import type { SchedulerSimulator } from './simulator.ts';
import { ConformanceFailure, type SimulatedVcpu } from './simulated.ts';

/** A millisecond in nanoseconds. */
export const MS = 1_000_000;
/** A second in nanoseconds. */
export const SECOND = 1000 * MS;

/** Ends the case when something does not hold. */
export function must(holds: boolean, otherwise: string | (() => string)): asserts holds {
  if (!holds) throw new ConformanceFailure(typeof otherwise === 'string' ? otherwise : otherwise());
}

/** Sets parameters that the scheduler has to take. */
export function adjust(simulator: SchedulerSimulator, domid: number, parameters: object): void {
  const refusal = simulator.scheduler.adjustDomain(domid, parameters as never, simulator.nowNs);
  must(refusal === undefined, () => `domain ${domid} was refused ${JSON.stringify(parameters)}: ${JSON.stringify(refusal)}`);
}

/** CPU time that each vCPU gets while time passes until a moment. */
export function cpuTimeUntil(simulator: SchedulerSimulator, vcpus: readonly SimulatedVcpu[], endNs: number): number[] {
  const before = vcpus.map(({ cpuNs }) => cpuNs);
  simulator.runUntil(endNs);
  return vcpus.map(({ cpuNs }, i) => cpuNs - (before[i] ?? 0));
}

/** Holds shares against parts: each may be off by `error` of the whole. */
export function mustShare(times: readonly number[], parts: readonly number[], error: number): string {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const shares = times.map((time) => time / sum(times));
  const off = shares.map((share, i) => Math.abs(share - (parts[i] ?? 0) / sum(parts)));
  const text = shares.map((share) => `${(share * 100).toFixed(2)} %`).join(' : ');
  must(sum(times) > 0 && Math.max(...off) <= error, `shares are ${text}, and not ${parts.join(' : ')} within ${error * 100} %`);
  return text;
}

/** Times from wake to run of a vCPU. */
export function measureLatency(simulator: SchedulerSimulator, vcpu: SimulatedVcpu): readonly number[] {
  const latencies: number[] = [];
  let wokenNs: number | undefined;
  simulator.observe({
    woken: (woken, nowNs) => {
      if (woken === vcpu) wokenNs = nowNs;
    },
    decided: (_pcpu, decision, nowNs) => {
      if (decision.vcpu !== vcpu || wokenNs === undefined) return;
      latencies.push(nowNs - wokenNs);
      wokenNs = undefined;
    },
  });
  return latencies;
}

/** A quantile of values, 0 to 1. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? Number.NaN;
}
