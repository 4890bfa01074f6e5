import { Resolver } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { putU16, putU32 } from '#sdk';
import { parseAddress } from '../address.ts';
import { type DnsRecord, DnsType, encodeName } from './dns-message.ts';

/** Where answers come from. */
export interface NameSource {
  /**
   * Records of a name; none when the name has none of the type.
   * @throws an error whose `code` is `ENOTFOUND` for a name that there is not, anything else when nobody answers
   */
  resolve(name: string, type: number): Promise<DnsRecord[]>;
  /** Gives up what is being asked. */
  close(): void;
}

/** Time for which answers without one of their own may be kept. */
const TTL_SECONDS = 60;
const TIMEOUT_MS = 4000;

/** The name servers of the host. */
export function hostNames(): NameSource {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  const lookups: Readonly<Record<number, (name: string) => Promise<DnsRecord[]>>> = {
    [DnsType.A]: async (name) => {
      const found = await resolver.resolve4(name, { ttl: true });
      return found.map(({ address, ttl }) => ({ type: DnsType.A, ttlSeconds: ttl, data: word(parseAddress(address) ?? 0) }));
    },
    [DnsType.AAAA]: async (name) => {
      const found = await resolver.resolve6(name, { ttl: true });
      return found.map(({ address, ttl }) => ({ type: DnsType.AAAA, ttlSeconds: ttl, data: encodeIpv6(address) }));
    },
    [DnsType.CNAME]: async (name) => nameRecords(DnsType.CNAME, await resolver.resolveCname(name)),
    [DnsType.NS]: async (name) => nameRecords(DnsType.NS, await resolver.resolveNs(name)),
    [DnsType.PTR]: async (name) => nameRecords(DnsType.PTR, await resolver.resolvePtr(name)),
    [DnsType.MX]: async (name) =>
      (await resolver.resolveMx(name)).flatMap(({ priority, exchange }) => withName(DnsType.MX, Uint8Array.of(priority >> 8, priority & 0xff), exchange)),
    [DnsType.SRV]: async (name) =>
      (await resolver.resolveSrv(name)).flatMap(({ priority, weight, port, name: target }) => {
        const head = new Uint8Array(6);
        putU16(head, 0, priority);
        putU16(head, 2, weight);
        putU16(head, 4, port);
        return withName(DnsType.SRV, head, target);
      }),
    [DnsType.TXT]: async (name) => (await resolver.resolveTxt(name)).map((texts) => ({ type: DnsType.TXT, ttlSeconds: TTL_SECONDS, data: encodeTexts(texts) })),
  };
  return {
    resolve: async (name, type) => {
      try {
        return (await lookups[type]?.(name)) ?? [];
      } catch (error) {
        if ((error as { code?: string }).code === 'ENODATA') return [];
        throw error;
      }
    },
    close: () => resolver.cancel(),
  };
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, value);
  return bytes;
}

function nameRecords(type: number, names: readonly string[]): DnsRecord[] {
  return names.flatMap((name) => withName(type, new Uint8Array(0), name));
}

function withName(type: number, head: Uint8Array, name: string): DnsRecord[] {
  const encoded = encodeName(name);
  return encoded === undefined ? [] : [{ type, ttlSeconds: TTL_SECONDS, data: Uint8Array.of(...head, ...encoded) }];
}

function encodeTexts(texts: readonly string[]): Uint8Array {
  return Uint8Array.of(
    ...texts.flatMap((text) => {
      const bytes = new TextEncoder().encode(text).subarray(0, 255);
      return [bytes.length, ...bytes];
    }),
  );
}

/** The 16 bytes of an IPv6 address; zeros for what is none. */
export function encodeIpv6(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  if (!isIPv6(text)) return bytes;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = dotted === null ? undefined : parseAddress(dotted[2] ?? '');
  const plain = v4 === undefined ? text : `${dotted?.[1]}${(v4 >>> 16).toString(16)}:${(v4 & 0xffff).toString(16)}`;
  const [front = '', back] = plain.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((digits) => Number.parseInt(digits, 16)));
  words(front).forEach((value, i) => putU16(bytes, i * 2, value));
  const tail = back === undefined ? [] : words(back);
  tail.forEach((value, i) => putU16(bytes, 16 - (tail.length - i) * 2, value));
  return bytes;
}
