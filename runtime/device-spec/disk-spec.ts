import { HypervisorError } from '#sdk';
import { virtualDeviceId } from './virtual-device.ts';

/** How a guest may use a VBD: read, write, or write although others use the same data. */
export type DiskMode = 'r' | 'w' | 'w!';

/** A VBD as the operator described it. */
export interface DiskSpec {
  /** Name of the backend that keeps the data: `file`. */
  readonly backend: string;
  /** What that backend is told: a path. */
  readonly params: string;
  /** The guest's name for it: `xvda`. */
  readonly device: string;
  /** Its number: 51712 for `xvda`. */
  readonly deviceId: number;
  /** How it may be used. */
  readonly mode: DiskMode;
  /** What it looks like. */
  readonly deviceType: 'disk' | 'cdrom';
}

/** Where specs come from, for messages, and what they may name. */
export interface DiskSpecContext {
  /** What the operator wrote it as: `--disk`. */
  readonly source: string;
  /** Names of the backends that there are. */
  readonly backends: readonly string[];
}

/** Kinds of Xen's that need what this host does not have, with what to write instead. */
const REFUSED: Readonly<Record<string, string>> = {
  phy: 'block devices of the host are not handed out: copy it to an image and write file:PATH,DEVICE,MODE',
  nbd: 'network block devices are not attached: copy it to an image and write file:PATH,DEVICE,MODE',
  enbd: 'network block devices are not attached: copy it to an image and write file:PATH,DEVICE,MODE',
  iscsi: 'network block devices are not attached: copy it to an image and write file:PATH,DEVICE,MODE',
  tap: 'leave out tap: and what follows it, and write file:PATH,DEVICE,MODE for a raw image',
};

/** The path may hold commas: the rest is read from the end. */
const FORM = /^([a-z][\w-]*):(.*),([^,]*),([^,]*)$/is;

/**
 * Reads `file:PATH,xvda,w`: the backend and what it is told, the guest's name for the VBD, and the mode. A fourth part,
 * the domain of the backend, may be 0.
 *
 * @throws HypervisorError `HV_ERR_DEVICE_SPEC`
 */
export function parseDiskSpec(text: string, { source, backends }: DiskSpecContext): DiskSpec {
  const refuse = (what: string, hint: string): HypervisorError => new HypervisorError('HV_ERR_DEVICE_SPEC', `${source} "${text}": ${what}`, { hint });
  const [, kind = '', params = '', devicePart = '', modePart = ''] = FORM.exec(withoutDomain(text, refuse)) ?? [];
  if (kind === '') throw refuse('expected was KIND:PATH,DEVICE,MODE', 'write for instance file:disk.img,xvda,w');
  const backend = kind.toLowerCase();
  if (!backends.includes(backend)) {
    throw refuse(`there is no backend "${kind}"; expected was one of ${backends.join(', ')}`, REFUSED[backend] ?? 'load the plugin that offers it');
  }
  if (params.trim() === '' || params.includes('\0')) throw refuse(`nothing usable stands behind ${kind}:`, 'write for instance file:disk.img,xvda,w');
  return { backend, params, ...parseDevice(devicePart.trim(), refuse), mode: parseMode(modePart.trim(), refuse) };
}

type Refuse = (what: string, hint: string) => HypervisorError;

/** A last part that is neither a mode nor empty, behind a mode, names the domain of the backend. */
function withoutDomain(text: string, refuse: Refuse): string {
  const [, rest, domain = ''] = /^(.*,\s*(?:r|w|w!)\s*),([^,]*)$/s.exec(text) ?? [];
  if (rest === undefined || isMode(domain.trim())) return text;
  if (domain.trim() !== '0') throw refuse(`the backend cannot be in domain "${domain}"`, 'leave the fourth part out: backends are in domain 0');
  return rest;
}

function parseDevice(text: string, refuse: Refuse): Pick<DiskSpec, 'device' | 'deviceId' | 'deviceType'> {
  const hint = 'write xvda to xvdp, sda to sdp or hda to hdt, with a partition if need be, or a number in hex';
  if (text.startsWith('ioemu:')) throw refuse(`"${text}" asks for an emulated drive`, 'leave out ioemu:');
  const [, name = '', type] = /^(?:\/dev\/)?([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const deviceId = virtualDeviceId(name);
  if (deviceId === undefined) throw refuse(`"${text}" is no name of a VBD`, hint);
  if (type !== undefined && type !== 'disk' && type !== 'cdrom') throw refuse(`"${type}" is no type of a VBD; expected was disk or cdrom`, hint);
  return { device: name, deviceId, deviceType: type ?? 'disk' };
}

function parseMode(text: string, refuse: Refuse): DiskMode {
  if (isMode(text)) return text;
  throw refuse(`the mode is "${text}"; expected was r, w or w!`, 'r is read-only, w is read and write, w! is write although others use it');
}

function isMode(text: string): text is DiskMode {
  return text === 'r' || text === 'w' || text === 'w!';
}

/**
 * Reads the VBDs of one domain.
 *
 * @throws HypervisorError `HV_ERR_DEVICE_SPEC`, also when two have the same number
 */
export function parseDiskSpecs(texts: readonly string[], context: DiskSpecContext): DiskSpec[] {
  const specs: DiskSpec[] = [];
  for (const text of texts) {
    const spec = parseDiskSpec(text, context);
    const same = specs.find(({ deviceId }) => deviceId === spec.deviceId);
    if (same !== undefined) {
      throw new HypervisorError('HV_ERR_DEVICE_SPEC', `${context.source} "${text}": the domain already has a VBD ${same.device}`, {
        hint: 'give each VBD another name',
      });
    }
    specs.push(spec);
  }
  return specs;
}

/** What stands in the nodes of a VBD before its two ends meet. */
export function diskNodes({ backend, params, device, deviceId, mode, deviceType }: DiskSpec): {
  readonly frontend: Readonly<Record<string, string | number>>;
  readonly backend: Readonly<Record<string, string | number>>;
} {
  return {
    frontend: { 'virtual-device': deviceId, 'device-type': deviceType },
    backend: { params, type: backend, dev: device, mode, 'device-type': deviceType, removable: deviceType === 'cdrom' ? 1 : 0, bootable: 1 },
  };
}
