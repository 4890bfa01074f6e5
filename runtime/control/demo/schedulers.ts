import { createHypervisor, type Domain, type Hypervisor } from '../../hypervisor/index.ts';
import { busyGuest } from './busy-guest.ts';

/** What a weight is under each scheduler, and how a number from 1 to 9 becomes one. */
const WEIGHTS: Readonly<Record<string, (weight: number) => Readonly<Record<string, number>>>> = {
  sedf: (weight) => ({ extraweight: weight }),
  bvt: (weight) => ({ mcuAdvance: Math.round(360 / weight) }),
  credit: (weight) => ({ weight: weight * 64 }),
};
const NAMES = Object.keys(WEIGHTS);
const KEYS: Readonly<Record<string, string>> = { s: 'sedf', b: 'bvt', c: 'credit' };
const MOST_WEIGHT = 9;
const FRAME_MS = 250;
const BAR = 50;
const FIRST_WEIGHTS = [1, 2, 3, 4];
/** Without a terminal: how long each scheduler is shown. */
const SHOWN_MS = 2000;
const CLEAR = '\x1b[H\x1b[J';

/** Four domains that compute on one pCPU, with weights that can be changed, under schedulers that can be changed. */
class Demo {
  readonly #hypervisor: Hypervisor;
  readonly #domains: readonly Domain[];
  readonly #weights = [...FIRST_WEIGHTS];
  #before: number[];
  #shares = FIRST_WEIGHTS.map(() => 0);
  #chosen = 0;
  #took = 0;

  constructor(hypervisor: Hypervisor, domains: readonly Domain[]) {
    this.#hypervisor = hypervisor;
    this.#domains = domains;
    this.#before = domains.map(({ cpuTimeNs }) => cpuTimeNs);
  }

  /** Puts a scheduler in charge, with the weights as they are. */
  async choose(name: string): Promise<void> {
    const start = performance.now();
    await this.#hypervisor.setScheduler(name);
    this.#took = performance.now() - start;
    this.#domains.forEach((_, i) => this.#weigh(i));
  }

  /** Chooses the domain whose weight the keys change. */
  select(domain: number): void {
    if (domain < this.#domains.length) this.#chosen = domain;
  }

  /** Changes the weight of the chosen domain. */
  change(by: number): void {
    const weight = (this.#weights[this.#chosen] ?? 1) + by;
    if (weight < 1 || weight > MOST_WEIGHT) return;
    this.#weights[this.#chosen] = weight;
    this.#weigh(this.#chosen);
  }

  /** Measures the shares since the last time. */
  measure(): readonly number[] {
    const now = this.#domains.map(({ cpuTimeNs }) => cpuTimeNs);
    const used = now.map((time, i) => time - (this.#before[i] ?? 0));
    const all = used.reduce((sum, each) => sum + each, 0) || 1;
    this.#before = now;
    this.#shares = used.map((each) => each / all);
    return this.#shares;
  }

  /** What is shown. */
  lines(): string[] {
    const { scheduler } = this.#hypervisor;
    const total = this.#weights.reduce((sum, each) => sum + each, 0);
    const bars = this.#domains.map(({ name, state }, i) => {
      const share = this.#shares[i] ?? 0;
      const weight = this.#weights[i] ?? 1;
      const bar = '#'.repeat(Math.round(share * BAR)).padEnd(BAR, '.');
      const percent = (part: number): string => `${(100 * part).toFixed(1).padStart(5)} %`;
      return `${i === this.#chosen ? '>' : ' '} ${name}  weight ${weight}  ${state}  [${bar}] ${percent(share)}  (by weight ${percent(weight / total)})`;
    });
    return [
      `scheduler ${scheduler}${this.#took === 0 ? '' : `, in charge after ${this.#took.toFixed(1)} ms`}`,
      '',
      ...bars,
      '',
      's sedf   b bvt   c credit   1-4 choose a domain   + - its weight   q quit',
    ];
  }

  #weigh(domain: number): void {
    this.#domains[domain]?.setScheduling(WEIGHTS[this.#hypervisor.scheduler]?.(this.#weights[domain] ?? 1) ?? {});
  }
}

/** What a key does; false when it ends the demo. */
function press(demo: Demo, key: string): boolean {
  if (key === 'q' || key === '\x03') return false;
  const scheduler = KEYS[key];
  if (scheduler !== undefined) void demo.choose(scheduler);
  else if (key >= '1' && key <= '9') demo.select(Number(key) - 1);
  else if (key === '+' || key === '-') demo.change(key === '+' ? 1 : -1);
  return true;
}

async function withTerminal(demo: Demo): Promise<void> {
  const { stdin, stdout } = process;
  const ended = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    demo.measure();
    stdout.write(`${CLEAR}${demo.lines().join('\r\n')}\r\n`);
  }, FRAME_MS);
  stdin.setRawMode(true).resume();
  stdin.on('data', (bytes: Buffer) => {
    if (![...bytes.toString('latin1')].every((key) => press(demo, key))) ended.resolve();
  });
  await ended.promise;
  clearInterval(timer);
  stdin.setRawMode(false).pause();
}

/** Shows each scheduler for a while, for those who only read. */
async function withoutTerminal(demo: Demo): Promise<void> {
  for (const name of NAMES) {
    await demo.choose(name);
    demo.measure();
    await new Promise((resolve) => setTimeout(resolve, SHOWN_MS));
    demo.measure();
    process.stdout.write(`${demo.lines().slice(0, -2).join('\n')}\n\n`);
  }
}

await using hypervisor = await createHypervisor({ pcpus: 1 });
const kernel = busyGuest();
const domains = await Promise.all(FIRST_WEIGHTS.map((_, i) => hypervisor.createDomain({ name: `dom-${'abcd'[i]}`, kernel, memory: 4 })));
const demo = new Demo(hypervisor, domains);
await demo.choose('sedf');
await (process.stdin.isTTY && process.stdout.isTTY ? withTerminal(demo) : withoutTerminal(demo));
