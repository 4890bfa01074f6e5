import { getU16, putU16, putU32 } from '#sdk';

/** UDP port of name servers. */
export const DNS_PORT = 53;

/** Types of records that are asked for and given. */
export const DnsType = { A: 1, NS: 2, CNAME: 5, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, OPT: 41 } as const;
/** How a question was answered. */
export const DnsCode = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

const HEADER_BYTES = 12;
const CLASS_IN = 1;
const PLAIN_BYTES = 512;
const MOST_BYTES = 1232;
const POINTER_TO_QUESTION = 0xc00c;

/** A question. */
export interface DnsQuestion {
  readonly id: number;
  /** Whether the asker wants recursion. */
  readonly recursion: boolean;
  readonly operation: number;
  /** With dots, without one at the end. */
  readonly name: string;
  readonly type: number;
  readonly classCode: number;
  /** The bytes of the question, to be repeated in the answer. */
  readonly bytes: Uint8Array;
  /** The longest answer that the asker takes. */
  readonly mostBytes: number;
  /** Whether the asker speaks EDNS. */
  readonly extended: boolean;
}

/** One record of an answer: all answer the question's own name. */
export interface DnsRecord {
  readonly type: number;
  readonly ttlSeconds: number;
  readonly data: Uint8Array;
}

/** Reads a message with one question; undefined for all others. */
export function readQuestion(message: Uint8Array): DnsQuestion | undefined {
  const flags = getU16(message, 2);
  if (message.length < HEADER_BYTES + 5 || (flags & 0x8000) !== 0 || getU16(message, 4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message[at] ?? 0; length !== 0; length = message[at] ?? 0) {
    // A question has nothing before it that its name could point to.
    if (length > 63 || at + 1 + length >= message.length || at - HEADER_BYTES > 255) return undefined;
    labels.push(String.fromCharCode(...message.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  const end = at + 5;
  if (end > message.length) return undefined;
  const extended = getU16(message, 10) > 0 && message[end] === 0 && getU16(message, end + 1) === DnsType.OPT;
  return {
    id: getU16(message, 0),
    recursion: (flags & 0x100) !== 0,
    operation: (flags >> 11) & 0xf,
    name: labels.join('.'),
    type: getU16(message, at + 1),
    classCode: getU16(message, at + 3),
    bytes: message.slice(HEADER_BYTES, end),
    mostBytes: extended ? Math.min(MOST_BYTES, Math.max(PLAIN_BYTES, getU16(message, end + 3))) : PLAIN_BYTES,
    extended,
  };
}

/** Whether a question is one about the Internet, of the ordinary kind. */
export function isOrdinary({ operation, classCode }: DnsQuestion): boolean {
  return operation === 0 && classCode === CLASS_IN;
}

/** Writes an answer; records that don't fit are left out, and the answer says so. */
export function writeAnswer(question: DnsQuestion, code: number, records: readonly DnsRecord[]): Uint8Array {
  const out = new Uint8Array(question.mostBytes);
  const optionBytes = question.extended ? 11 : 0;
  out.set(question.bytes, HEADER_BYTES);
  let at = HEADER_BYTES + question.bytes.length;
  let count = 0;
  for (const { type, ttlSeconds, data } of records) {
    if (at + 12 + data.length + optionBytes > out.length) break;
    putU16(out, at, POINTER_TO_QUESTION);
    putU16(out, at + 2, type);
    putU16(out, at + 4, CLASS_IN);
    putU32(out, at + 6, ttlSeconds);
    putU16(out, at + 10, data.length);
    out.set(data, at + 12);
    at += 12 + data.length;
    count += 1;
  }
  const truncated = count < records.length ? 0x200 : 0;
  putU16(out, 0, question.id);
  putU16(out, 2, 0x8080 | (question.operation << 11) | truncated | (question.recursion ? 0x100 : 0) | code);
  putU16(out, 4, 1);
  putU16(out, 6, count);
  if (question.extended) {
    putU16(out, 10, 1);
    putU16(out, at + 1, DnsType.OPT);
    putU16(out, at + 3, MOST_BYTES);
    at += optionBytes;
  }
  return out.slice(0, at);
}

/** A name as it stands in a record; undefined when it is none. */
export function encodeName(name: string): Uint8Array | undefined {
  const labels = name === '' || name === '.' ? [] : name.replace(/\.$/, '').split('.');
  const parts: number[] = [];
  for (const label of labels) {
    const bytes = new TextEncoder().encode(label);
    if (bytes.length === 0 || bytes.length > 63) return undefined;
    parts.push(bytes.length, ...bytes);
  }
  return parts.length > 254 ? undefined : Uint8Array.of(...parts, 0);
}
