import type { Movable, StateWords } from '../../machine/state-words.ts';
import { VectorSet } from './vector-set.ts';

/** What a local APIC knows of fixed interrupts: requested, in service, and the priorities. */
export class LapicVectors implements Movable {
  /** Interrupts that wait. */
  readonly requested = new VectorSet();
  /** Interrupts that the processor is serving. */
  readonly inService = new VectorSet();
  /** Which of them are level-triggered. */
  readonly level = new VectorSet();
  #taskPriority = 0;
  /** The vector that may interrupt now, or -1: kept, since the processor asks often. */
  #ready = -1;

  /** Back to the state after reset. */
  reset(): void {
    this.requested.clear();
    this.inService.clear();
    this.level.clear();
    this.taskPriority = 0;
  }

  save(into: StateWords): void {
    for (const set of [this.requested, this.inService, this.level]) set.save(into);
    into.put(this.#taskPriority);
  }

  load(from: StateWords): void {
    for (const set of [this.requested, this.inService, this.level]) set.load(from);
    this.taskPriority = from.get();
  }

  /** The vector that may interrupt now, or -1. */
  get ready(): number {
    return this.#ready;
  }

  /** Task priority register. */
  get taskPriority(): number {
    return this.#taskPriority;
  }

  set taskPriority(value: number) {
    this.#taskPriority = value & 0xff;
    this.#update();
  }

  /** Processor priority: the higher of the task's and of the best interrupt in service. */
  processorPriority(): number {
    const best = this.inService.highest();
    const serviceClass = best < 0 ? 0 : best & 0xf0;
    return this.#taskPriority >> 4 >= serviceClass >> 4 ? this.#taskPriority : serviceClass;
  }

  /** Notes a request. */
  request(vector: number, level: boolean): void {
    this.requested.set(vector, true);
    this.level.set(vector, level);
    this.#update();
  }

  /** Puts the ready vector in service and returns it, or -1. */
  take(): number {
    const vector = this.#ready;
    if (vector < 0) return vector;
    this.requested.set(vector, false);
    this.inService.set(vector, true);
    this.#update();
    return vector;
  }

  /** Ends the best interrupt in service and returns its vector, or -1. */
  end(): number {
    const vector = this.inService.highest();
    if (vector < 0) return vector;
    this.inService.set(vector, false);
    this.#update();
    return vector;
  }

  #update(): void {
    const vector = this.requested.highest();
    this.#ready = vector >= 0 && vector >> 4 > this.processorPriority() >> 4 ? vector : -1;
  }
}
