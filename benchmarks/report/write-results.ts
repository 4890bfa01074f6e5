import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { renderResults, replaceResults } from './readme.ts';
import type { BenchReport } from './report.ts';
import { renderSvg } from './svg.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = join(ROOT, 'benchmarks/README.md');

/**
 * Writes a report as JSON and as a chart; a complete one is kept and shown in the README, a partial
 * one goes to the build directory.
 *
 * @returns paths of what was written, relative to the repository
 */
export function writeResults(report: BenchReport, isComplete: boolean): string[] {
  const directory = join(ROOT, isComplete ? 'benchmarks/results' : 'build/benchmarks/results');
  mkdirSync(directory, { recursive: true });
  const json = join(directory, `${report.date}.json`);
  const svg = join(directory, `${report.date}.svg`);
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(svg, renderSvg(report));
  const written = [json, svg];
  if (isComplete) {
    const results = renderResults(report, relative(join(ROOT, 'benchmarks'), svg));
    writeFileSync(README, replaceResults(readFileSync(README, 'utf8'), results));
    written.push(README);
  }
  return written.map((path) => relative(ROOT, path));
}
