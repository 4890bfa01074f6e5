import { type Dialogue, type ProcessRequest, runProcess } from '../measure/run-process.ts';
import type { GuestJob, Job, LinuxJob, LinuxStep } from './job.ts';
import type { RunRecord } from './peer.ts';

/** A line that a shell prompt of root or a user starts. */
const PROMPT = /^\S*[#$] /;

/** The image's command line for a job. */
export function guestCommandLine(job: GuestJob): string {
  return `run=${job.cases.join(',')} reps=${job.repetitions}`;
}

/**
 * The line to type for a step.
 *
 * The quotes in the markers keep the terminal's echo of the command from looking like a marker.
 */
export function stepCommand(step: LinuxStep): string {
  return `echo BE''GIN ${step.name}; ${step.command}; echo EN''D ${step.name} $?\n`;
}

/**
 * Waits for the ready line, then types each step at the prompt that follows the end of the one before.
 *
 * A prompt is looked for in whole lines too, since a kernel message can end its line.
 */
export function linuxDialogue(job: LinuxJob): Dialogue {
  const waiting = [...job.steps];
  let awaited: string | null = job.readyLine;
  return (lines, tail) => {
    for (const text of [...lines, tail]) {
      if (awaited !== null) {
        if (text.startsWith(awaited)) awaited = null;
        continue;
      }
      const step = PROMPT.test(text) ? waiting.shift() : undefined;
      if (step === undefined) continue;
      awaited = `END ${step.name} `;
      return stepCommand(step);
    }
    return null;
  };
}

/** Runs a peer's process for a job, with the end and the dialogue that the job asks for. */
export function runGuestProcess(job: Job, process: Pick<ProcessRequest, 'command' | 'arguments' | 'cwd' | 'env' | 'asksToEnd'>): Promise<RunRecord> {
  if (job.kind === 'guest') {
    return runProcess({
      ...process,
      silenceMs: job.silenceMs,
      graceMs: 500,
      isLast: (line) => line === 'DONE',
      isFailure: (line) => line.startsWith('FAULT'),
    });
  }
  const lastStep = job.steps.at(-1);
  return runProcess({
    ...process,
    silenceMs: job.silenceMs,
    graceMs: process.asksToEnd ? 5000 : 0, // a shell does not end by itself
    isLast: (line) => (lastStep ? line.startsWith(`END ${lastStep.name} `) : line.startsWith(job.readyLine)),
    isFailure: (line) => line.includes('Kernel panic'),
    dialogue: linuxDialogue(job),
  });
}
