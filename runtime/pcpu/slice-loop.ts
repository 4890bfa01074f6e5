import type { SliceEnd } from '../machine/pc-machine.ts';
import type { Doorbell } from './doorbell.ts';

/** What a slice loop runs: a machine, with what belongs around each slice. */
export interface SliceMachine {
  /** Runs about `instructions` more, firing due timers first. */
  slice(instructions: number): SliceEnd;
  /** Instructions executed so far. */
  executed(): number;
  /** Hands waiting input to the guest, and its output on. */
  exchange(): void;
  /** Whether an interrupt waits for a halted vCPU. */
  wakes(): boolean;
  /** Whether anything can still end a halt. */
  interruptible(): boolean;
  /** The guest time of the next timer, or null when there is none. */
  nextDeadline(): number | null;
  readonly clock: { readonly real: boolean; now(): number; skipTo(ns: number): void };
}

/** Where the loop tells what it does. */
export interface SliceObserver {
  slice(end: SliceEnd, milliseconds: number): void;
  waited(milliseconds: number): void;
}

/** Why the loop ended. */
export type LoopEnd = Exclude<SliceEnd, 'budget' | 'halt'> | 'stopped' | 'dead-halt';

const FIRST_BUDGET = 200_000;
const LEAST_BUDGET = 5_000;
const MOST_BUDGET = 4_000_000;
const SLICE_MS = 1.5;
/** A shorter slice tells nothing about the vCPU's speed. */
const MEASURABLE_MS = 0.2;
/** Waiting costs about this much: for less, time is better spent looking again. */
const LEAST_WAIT_MS = 0.03;

/**
 * Hot path: runs slices until the guest ends or a stop is asked for. With the host's clock a slice takes about 1.5 ms,
 * less before a timer; with the instruction clock slices are all alike, since their length is part of what must repeat.
 */
export function runSlices(machine: SliceMachine, doorbell: Doorbell, observer: SliceObserver): LoopEnd {
  let perMs = FIRST_BUDGET / SLICE_MS;
  for (;;) {
    if (doorbell.stopRequested) return 'stopped';
    const sequence = doorbell.sequence;
    machine.exchange();
    const budget = machine.clock.real ? budgetFor(machine, perMs) : FIRST_BUDGET;
    const before = machine.executed();
    const start = performance.now();
    const end = machine.slice(budget);
    const ms = performance.now() - start;
    observer.slice(end, ms);
    if (ms >= MEASURABLE_MS) perMs = (perMs + (machine.executed() - before) / ms) / 2;
    if (end === 'halt') {
      machine.exchange();
      if (!idle(machine, doorbell, sequence, observer)) return 'dead-halt';
    } else if (end !== 'budget') {
      machine.exchange();
      return end;
    }
  }
}

function budgetFor(machine: SliceMachine, perMs: number): number {
  const deadline = machine.nextDeadline();
  const ms = deadline === null ? SLICE_MS : Math.min(SLICE_MS, (deadline - machine.clock.now()) / 1e6);
  return Math.round(Math.min(MOST_BUDGET, Math.max(LEAST_BUDGET, perMs * ms)));
}

/** Lets a halted vCPU wait for what wakes it; false when nothing can. */
function idle(machine: SliceMachine, doorbell: Doorbell, sequence: number, observer: SliceObserver): boolean {
  if (!machine.interruptible()) return false;
  if (machine.wakes()) return true;
  const deadline = machine.nextDeadline();
  if (deadline !== null && !machine.clock.real) {
    machine.clock.skipTo(deadline);
    return true;
  }
  const ms = deadline === null ? Number.POSITIVE_INFINITY : (deadline - machine.clock.now()) / 1e6;
  if (ms < LEAST_WAIT_MS) return true;
  const start = performance.now();
  doorbell.wait(sequence, ms);
  observer.waited(performance.now() - start);
  return true;
}
