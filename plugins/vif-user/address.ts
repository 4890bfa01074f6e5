/** An IPv4 network. */
export interface Ipv4Network {
  /** Its first address, as an unsigned number. */
  readonly base: number;
  /** Bits of its prefix. */
  readonly bits: number;
}

/** Reads `10.0.2.15` as an unsigned number; undefined for anything else. */
export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((address, part) => address * 256 + part, 0);
}

/** Writes an address with dots. */
export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Reads `10.0.2.0/24`; undefined for anything else, for host bits that are set, and for networks too small for a guest. */
export function parseNetwork(text: string): Ipv4Network | undefined {
  const [first = '', rest = '', more] = text.split('/');
  const base = parseAddress(first);
  const bits = /^\d{1,2}$/.test(rest) ? Number(rest) : Number.NaN;
  if (base === undefined || more !== undefined || !(bits >= 8 && bits <= 27)) return undefined;
  return base % 2 ** (32 - bits) === 0 ? { base, bits } : undefined;
}

/** The netmask of a network. */
export function netmask({ bits }: Ipv4Network): number {
  return 2 ** 32 - 2 ** (32 - bits);
}

/** Whether an address belongs to a network. */
export function isInNetwork(address: number, { base, bits }: Ipv4Network): boolean {
  return address >= base && address < base + 2 ** (32 - bits);
}

/** The last address of a network, which reaches all. */
export function broadcastOf({ base, bits }: Ipv4Network): number {
  return base + 2 ** (32 - bits) - 1;
}

/** The address that reaches all on the link. */
export const BROADCAST = 0xffff_ffff;

/** Whether an address is that of one host anywhere: no loopback, no group, no network 0, nothing reserved. */
export function isUnicast(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}
