import type { BenchReport, Cell } from '../../../benchmarks/report/report.ts';

const time = (medianMs: number): Cell => ({ kind: 'time', medianMs, spread: 0.01, samplesMs: [medianMs] });

/** A small report in which each kind of cell occurs. */
export const sampleReport: BenchReport = {
  date: '2030-01-02T0304',
  rounds: 5,
  host: { cpu: 'A <fast> CPU', cores: 2, kernel: '6.1', node: 'v26', load: 0.5 },
  peers: [
    { name: 'qemu', version: 'QEMU 7', missing: null },
    { name: 'xylem', version: 'this tree', missing: null },
    { name: 'native', version: null, missing: 'no gcc' },
  ],
  rows: [
    { id: 'i386/alu', group: 'integer', cells: { xylem: time(50), qemu: time(100) } },
    { id: 'amd64/alu', group: 'integer', cells: { xylem: time(200), qemu: time(100) } },
    { id: 'i386/boot', group: 'boot', cells: { xylem: { kind: 'failed', reason: 'exit | 1' }, qemu: time(3000) } },
    { id: 'i386/chase', group: 'memory', cells: { xylem: time(0.5), qemu: { kind: 'refused', reason: 'no' } } },
  ],
  costs: [
    { id: 'i386/integer', cpuSeconds: { xylem: 3, qemu: 1.5 }, maxRssBytes: { xylem: 1048576 } },
    { id: 'i386/tiny', cpuSeconds: { xylem: 0.02, qemu: 0.01 }, maxRssBytes: {} },
  ],
};
