/** A family of names of VBDs, with how they become numbers. */
interface NameFamily {
  readonly prefix: string;
  readonly majors: readonly number[];
  /** Minor numbers of one VBD, itself and its partitions. */
  readonly minors: number;
  /** VBDs that share a major number. */
  readonly perMajor: number;
}

/** As Linux numbers them, which is what a frontend goes by. */
const FAMILIES: readonly NameFamily[] = [
  { prefix: 'hd', majors: [3, 22, 33, 34, 56, 57, 88, 89, 90, 91], minors: 64, perMajor: 2 },
  { prefix: 'sd', majors: [8], minors: 16, perMajor: 16 },
  { prefix: 'xvd', majors: [202], minors: 16, perMajor: 16 },
];

/** Numbers of `xvd` VBDs and partitions that have none above: this bit, 20 bits of VBD, 8 bits of partition. */
const EXTENDED = 1 << 28;
const EXTENDED_VBDS = 1 << 20;
const EXTENDED_PARTITIONS = 1 << 8;

const NAME = /^(hd|sd|xvd)([a-z]{1,5})([1-9][0-9]{0,2})?$/;
const NUMBER = /^(?:0x)?([0-9a-f]{1,8})$/i;
const LARGEST = 0x1fff_ffff;

/**
 * The number of a VBD by the name that the guest knows it by: `xvda`, `sda1`, `hdc`, or a number in hex. Undefined when
 * it is none of these.
 */
export function virtualDeviceId(name: string): number | undefined {
  const [, prefix, letters = '', digits = '0'] = NAME.exec(name) ?? [];
  if (prefix !== undefined) return idOf(prefix, numberOfLetters(letters), Number(digits));
  const [, hex] = NUMBER.exec(name) ?? [];
  const id = hex === undefined ? 0 : Number.parseInt(hex, 16);
  return id > 0 && id <= LARGEST ? id : undefined;
}

function idOf(prefix: string, vbd: number, partition: number): number | undefined {
  const family = FAMILIES.find((each) => each.prefix === prefix);
  const major = family?.majors[Math.floor(vbd / family.perMajor)];
  if (family !== undefined && major !== undefined && partition < family.minors) return major * 256 + (vbd % family.perMajor) * family.minors + partition;
  if (prefix !== 'xvd' || vbd >= EXTENDED_VBDS || partition >= EXTENDED_PARTITIONS) return undefined;
  return EXTENDED + vbd * EXTENDED_PARTITIONS + partition;
}

/** The name of a VBD by its number, `xvda` for 51712; the number in hex when it has no name. */
export function virtualDeviceName(id: number): string {
  if (id >= EXTENDED) return nameOf('xvd', Math.floor((id - EXTENDED) / EXTENDED_PARTITIONS), (id - EXTENDED) % EXTENDED_PARTITIONS);
  const major = id >>> 8;
  const family = FAMILIES.find(({ majors }) => majors.includes(major));
  const minor = id & 0xff;
  if (family === undefined || minor >= family.minors * family.perMajor) return `0x${id.toString(16)}`;
  return nameOf(family.prefix, family.majors.indexOf(major) * family.perMajor + Math.floor(minor / family.minors), minor % family.minors);
}

function nameOf(prefix: string, vbd: number, partition: number): string {
  return `${prefix}${lettersOf(vbd)}${partition === 0 ? '' : partition}`;
}

/** `a` is 0, `z` is 25, `aa` is 26. */
function numberOfLetters(letters: string): number {
  let number = 0;
  for (const letter of letters) number = number * 26 + letter.charCodeAt(0) - 96;
  return number - 1;
}

function lettersOf(number: number): string {
  const rest = Math.floor(number / 26) - 1;
  return `${rest >= 0 ? lettersOf(rest) : ''}${String.fromCharCode(97 + (number % 26))}`;
}
