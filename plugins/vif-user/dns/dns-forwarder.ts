import { DnsCode, isOrdinary, readQuestion, writeAnswer } from './dns-message.ts';
import type { NameSource } from './name-source.ts';

/** Bytes of an answer that does not come by a datagram. */
const MOST_LONG_BYTES = 0xffff;
/** Questions of one guest that may be open at once. */
const MOST_OPEN = 32;

/** Answers a guest's questions for names from the host's name servers. */
export class DnsForwarder {
  readonly #names: NameSource;
  #open = 0;

  constructor(names: NameSource) {
    this.#names = names;
  }

  /** Answers a message; undefined when it gets no answer. Never rejects. A long answer has all records, a short one what a datagram holds. */
  async answer(message: Uint8Array, { long = false } = {}): Promise<Uint8Array | undefined> {
    const asked = readQuestion(message);
    if (asked === undefined) return undefined;
    const question = long ? { ...asked, mostBytes: MOST_LONG_BYTES } : asked;
    if (!isOrdinary(question)) return writeAnswer(question, DnsCode.NOTIMP, []);
    // Who is not answered asks again; that many open questions are a guest's own doing.
    if (this.#open >= MOST_OPEN) return undefined;
    this.#open += 1;
    try {
      return writeAnswer(question, DnsCode.NOERROR, await this.#names.resolve(question.name, question.type));
    } catch (error) {
      const isMissing = (error as { code?: string }).code === 'ENOTFOUND';
      return writeAnswer(question, isMissing ? DnsCode.NXDOMAIN : DnsCode.SERVFAIL, []);
    } finally {
      this.#open -= 1;
    }
  }

  /** Gives up what is being asked. */
  close(): void {
    this.#names.close();
  }
}
