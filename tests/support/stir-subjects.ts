import type { Domain } from '#runtime';
import { KERNEL_COMPLAINT } from './stress-guest.ts';
import { COUNT_AT } from './checking-guest.ts';

/** A domain under stress, and how one sees that it is well. */
export interface StirSubject {
  readonly domain: Domain;
  /** Remembers where it stands, and has it show something. */
  ask(): void;
  /** Whether it has gone on since. */
  readonly hasAnswered: boolean;
  /** What is wrong with it. */
  readonly complaint?: string | undefined;
}

/** A domain of `checkingGuest`: it counts. */
export class CountingSubject implements StirSubject {
  readonly domain: Domain;
  #before = 0;

  constructor(domain: Domain) {
    this.domain = domain;
  }

  ask(): void {
    this.#before = this.#count;
  }

  get hasAnswered(): boolean {
    return this.#count !== this.#before;
  }

  get #count(): number {
    return this.domain.life?.state.ram.view.getUint32(COUNT_AT, true) ?? 0;
  }
}

/** Of the guest that answers. */
const CONSOLE_PORT = 2;

/** A domain that waits, and answers each event on its console's port once it has written a letter. */
export class AnsweringSubject implements StirSubject {
  readonly domain: Domain;
  hasAnswered = false;
  #isReady = false;
  #isAsked = false;

  constructor(domain: Domain) {
    this.domain = domain;
    domain.console.once('data', () => {
      this.#isReady = true;
      if (this.#isAsked) this.ask();
    });
  }

  ask(): void {
    const { life } = this.domain;
    this.hasAnswered = false;
    this.#isAsked = true;
    if (life === undefined || !this.#isReady) return;
    life.onConsole = () => {
      this.hasAnswered = true;
    };
    this.poke();
  }

  /** Sends it an event: by itself, for it takes nothing out of its console's ring. */
  poke(): void {
    this.domain.life?.state.events.notify(CONSOLE_PORT);
  }
}

/** What Debian does over and over; each round writes a line with one and the same sum. */
export const DEBIAN_WORK =
  'while :; do (ls /bin; cat /bin/busybox) | md5sum > /tmp/o1 & ls /bin | md5sum > /tmp/o2; wait; echo "sum" `cat /tmp/o1 /tmp/o2`; done';

/** Debian at its shell, which computes sums. */
export class DebianSubject implements StirSubject {
  readonly domain: Domain;
  /** Rounds so far. */
  rounds = 0;
  complaint: string | undefined;
  #before = 0;
  #isTold = false;
  #text = '';
  #sum: string | undefined;

  constructor(domain: Domain) {
    this.domain = domain;
    domain.console.on('data', (bytes: Buffer) => this.#hear(bytes.toString('latin1').replaceAll('\r', '')));
  }

  ask(): void {
    this.#before = this.rounds;
  }

  get hasAnswered(): boolean {
    return this.rounds > this.#before;
  }

  #hear(text: string): void {
    this.#text += text;
    if (!this.#isTold && /:~# (\x1b\[6n)?$/.test(this.#text)) {
      this.#isTold = true;
      this.domain.console.write(`${DEBIAN_WORK}\n`);
    }
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    const sum = /^sum ([0-9a-f]{32} .*)$/.exec(line)?.[1];
    if (sum !== undefined) {
      this.rounds++;
      this.#sum ??= sum;
      if (sum !== this.#sum) this.complaint ??= `Debian computed ${sum}, and ${this.#sum} before`;
    } else if (KERNEL_COMPLAINT.test(line)) this.complaint ??= `Debian's kernel: ${line}`;
  }
}
