import { cpus, loadavg, release } from 'node:os';
import { prepareLinuxGuest } from './measure/linux-guest.ts';
import { ARCHITECTURES, type PlannedJob, planGuestJobs, type PlanRequest } from './measure/plan.ts';
import { linuxCases, planLinuxJob } from './measure/plan-linux.ts';
import { measureRounds } from './measure/rounds.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { choosePeers } from './peers/all-peers.ts';
import type { Peer } from './peers/peer.ts';
import { makeReport } from './report/make-report.ts';
import { renderText } from './report/render-table.ts';
import type { HostFacts, PeerFacts } from './report/report.ts';
import { caseTable, costTable, failureLines, summaryTable } from './report/table.ts';
import { writeResults } from './report/write-results.ts';

/** Says which peers are there, and why others are not. */
async function lookForPeers(peers: readonly Peer[]): Promise<PeerFacts[]> {
  const facts: PeerFacts[] = [];
  for (const peer of peers) {
    const missing = await peer.available();
    const version = missing === null ? await peer.version() : null;
    console.log(`${peer.name}: ${version ?? `not there (${missing})`}`);
    facts.push({ name: peer.name, version, missing });
  }
  return facts;
}

/** The Linux jobs with a chosen case; a guest that cannot be fetched costs its rows, not the run. */
async function planLinuxJobs(request: PlanRequest): Promise<PlannedJob[]> {
  const jobs: PlannedJob[] = [];
  for (const architecture of ARCHITECTURES) {
    if (linuxCases(architecture, request.only).length === 0) continue;
    try {
      jobs.push(planLinuxJob(await prepareLinuxGuest(architecture), request));
    } catch (error) {
      console.log(`no Linux guest for ${architecture}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return jobs;
}

function listCases(request: PlanRequest): void {
  const cases = [...planGuestJobs(request).flatMap((job) => job.cases), ...ARCHITECTURES.flatMap((architecture) => linuxCases(architecture, request.only))];
  for (const { id, group } of cases) console.log(`${id}  (${group})`);
}

function hostFacts(): HostFacts {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown processor',
    cores: processors.length,
    kernel: release(),
    node: process.version,
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

/** Shows which run is going on, on a terminal only. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function measure(options: BenchOptions): Promise<void> {
  const chosen = choosePeers(options.peers);
  const facts = await lookForPeers(chosen);
  const peers = chosen.filter((_, i) => facts[i]?.missing === null);
  const host = hostFacts();
  const jobs = [...planGuestJobs(options), ...(await planLinuxJobs(options))];
  if (jobs.length === 0) throw new Error('no case to measure; --list shows the ids');
  const collection = await measureRounds({ jobs, peers, rounds: options.rounds, onProgress: showProgress });
  showProgress('');
  const date = new Date().toISOString().slice(0, 16).replace(':', '');
  const report = makeReport({ date, rounds: options.rounds, host, peers: facts, jobs, collection });
  const tables = [caseTable(report), costTable(report), summaryTable(report)];
  console.log(`\n${tables.map(renderText).join('\n\n')}\n`);
  for (const line of failureLines(report)) console.log(line);
  console.log(`written: ${writeResults(report, options.isComplete && options.rounds > 1).join(', ')}`);
}

async function main(): Promise<void> {
  if (process.argv[2] === 'hypervisor') {
    const { benchHypervisor } = await import('./hypervisor/run.ts');
    await benchHypervisor(process.argv.slice(3));
    return;
  }
  const options = parseOptions(process.argv.slice(2));
  if (options.isHelp) console.log(USAGE);
  else if (options.isList) listCases(options);
  else await measure(options);
}

// Ends through the exit handlers, which end the peers that are still running.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
