import { readFileSync } from 'node:fs';
import { createHypervisor, type Domain, type Hypervisor } from '#runtime';
import { answering } from '../../benchmarks/hypervisor/guests.ts';
import { buildInitramfs } from '../../runtime/image/index.ts';
import { Random } from '../differential/random.ts';
import { checkingGuest } from './checking-guest.ts';
import { AnsweringSubject, CountingSubject, DebianSubject, type StirSubject } from './stir-subjects.ts';

/** What is stirred, and for how long. */
export interface StirOptions {
  readonly seconds: number;
  readonly pcpus: number;
  readonly seed: number;
  /** Without it there are small guests only. */
  readonly debian?: { readonly kernel: string; readonly busybox: string };
  readonly log?: (line: string) => void;
}

/** What was done, and what was wrong. */
export interface StirResult {
  readonly done: Readonly<Record<string, number>>;
  readonly complaints: readonly string[];
  readonly debianRounds: number;
}

const MEMORY_MIB = 4;
const DEBIAN_MIB = 192;
/** Small domains at once. */
const [FEWEST, MOST] = [5, 9];
/** Between two looks at whether each domain goes on. */
const LOOK_MS = 4000;
/** CPU time of this process in which each has to: how much of it a busy host gives is not to matter. */
const PATIENCE_MS = 60_000;
const MOST_PAUSE_MS = 6;
const checking = checkingGuest();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const schedulers = {
  // a weight is a guarantee: one domain that has it may leave next to nothing for those without
  sedf: (random: Random) => ({ extraweight: random.between(1, 5) }),
  bvt: (random: Random) => ({ mcuAdvance: random.between(5, 50) }),
  credit: (random: Random) => ({ weight: random.between(64, 1024) }),
} as const;

/** Does everything at random that has vCPUs move, stop, begin or end, while guests check themselves. */
export async function stirDomains(options: StirOptions): Promise<StirResult> {
  await using hypervisor = await createHypervisor({ pcpus: options.pcpus });
  const stirring = new Stirring(hypervisor, options);
  await stirring.run();
  return stirring.result;
}

class Stirring {
  readonly #hypervisor: Hypervisor;
  readonly #options: StirOptions;
  readonly #random: Random;
  readonly #subjects = new Set<StirSubject>();
  readonly #done: Record<string, number> = {};
  readonly #complaints: string[] = [];
  #serial = 0;
  #debian: DebianSubject | undefined;

  constructor(hypervisor: Hypervisor, options: StirOptions) {
    this.#hypervisor = hypervisor;
    this.#options = options;
    this.#random = new Random(options.seed);
    hypervisor.on('warning', (error) => this.#complain(error.message));
  }

  get result(): StirResult {
    return { done: this.#done, complaints: this.#complaints, debianRounds: this.#debian?.rounds ?? 0 };
  }

  async run(): Promise<void> {
    const { seconds, debian, log } = this.#options;
    if (debian !== undefined) await this.#createDebian(debian);
    while (this.#subjects.size < FEWEST) await this.#create();
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end && this.#complaints.length === 0) {
      const look = performance.now() + LOOK_MS;
      while (performance.now() < Math.min(end, look)) {
        await this.#act();
        await sleep(this.#random.below(MOST_PAUSE_MS));
      }
      await this.#look();
      log?.(`${JSON.stringify(this.#done)} Debian's rounds ${this.#debian?.rounds ?? 0}`);
    }
    for (const { domain } of this.#subjects) await domain.destroy();
  }

  async #createDebian({ kernel, busybox }: { readonly kernel: string; readonly busybox: string }): Promise<void> {
    const ramdisk = buildInitramfs({ busybox: readFileSync(busybox) });
    const extra = 'console=hvc0 mitigations=off quiet';
    const domain = await this.#hypervisor.createDomain({ name: 'debian', kernel, ramdisk, memory: DEBIAN_MIB, vcpus: 2, extra });
    this.#debian = new DebianSubject(domain);
    this.#keep(this.#debian);
    // it boots alone, or a host that has other work would see it boot and nothing else
    await this.#look();
  }

  async #create(): Promise<void> {
    const counts = this.#random.chance(0.6);
    const name = `small-${this.#serial++}`;
    const domain = await this.#hypervisor.createDomain({ name, kernel: counts ? checking : answering, memory: MEMORY_MIB, on_crash: 'preserve' });
    this.#keep(counts ? new CountingSubject(domain) : new AnsweringSubject(domain));
  }

  #keep(subject: StirSubject): void {
    this.#subjects.add(subject);
    const { domain } = subject;
    domain.on('stopped', ({ reason, report }) => this.#complain(`${domain.name} ended by itself: ${reason}\n${report?.join('\n') ?? ''}`));
  }

  #complain(text: string): void {
    this.#complaints.push(text);
  }

  /** One thing at random. */
  async #act(): Promise<void> {
    const random = this.#random;
    const { domain } = random.pick([...this.#subjects]);
    const small = [...this.#subjects].filter((subject) => subject !== this.#debian);
    const actions = {
      pin: () => domain.setAffinity('all', String(random.below(this.#options.pcpus))),
      pinOne: () => domain.setAffinity(0, String(random.below(this.#options.pcpus))),
      unpin: () => domain.setAffinity('all', 'all'),
      pause: () => domain.pause(),
      pauseUnwaited: () => void domain.pause(),
      unpause: () => domain.unpause(),
      unpauseAll: () => this.#unpauseAll(),
      swap: () => this.#hypervisor.setScheduler(random.pick(Object.keys(schedulers))),
      weigh: () => domain.setScheduling(schedulers[this.#hypervisor.scheduler as keyof typeof schedulers](random)),
      poke: () => small.forEach((subject) => subject instanceof AnsweringSubject && subject.poke()),
      create: () => (small.length < MOST ? this.#create() : undefined),
      destroy: () => (small.length > FEWEST ? this.#destroy(random.pick(small)) : undefined),
    };
    const name = random.pick(Object.keys(actions) as (keyof typeof actions)[]);
    this.#done[name] = (this.#done[name] ?? 0) + 1;
    await actions[name]();
  }

  #unpauseAll(): void {
    for (const { domain } of this.#subjects) domain.unpause();
  }

  async #destroy(subject: StirSubject): Promise<void> {
    this.#subjects.delete(subject);
    const gone: Promise<void> = subject.domain.destroy();
    if (this.#random.chance(0.5)) await gone;
  }

  /** Each domain has to go on. */
  async #look(): Promise<void> {
    this.#unpauseAll();
    for (const subject of this.#subjects) subject.ask();
    const start = process.cpuUsage();
    const hasPatience = (): boolean => {
      const { user, system } = process.cpuUsage(start);
      return user + system < PATIENCE_MS * 1000;
    };
    const late = (): StirSubject[] => [...this.#subjects].filter(({ hasAnswered }) => !hasAnswered);
    while (late().length > 0 && hasPatience() && this.#complaints.length === 0) await sleep(5);
    for (const { domain } of late()) this.#complain(`${describe(domain)} does not go on under ${this.#hypervisor.scheduler}`);
    for (const { complaint } of this.#subjects) if (complaint !== undefined) this.#complain(complaint);
  }
}

function describe(domain: Domain): string {
  const board = domain.life?.board;
  const vcpus = (domain.life?.vcpus ?? []).map(({ vcpuId }) => `vCPU ${vcpuId} on ${board?.homeOf(vcpuId)}, record ${board?.recordState(vcpuId)}`);
  return `${domain.name} (${domain.state}, ${domain.affinity.join(' ')}; ${vcpus.join('; ')})`;
}
