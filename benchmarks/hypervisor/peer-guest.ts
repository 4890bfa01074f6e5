import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createAptWorkspace } from '../../runtime/image/apt-workspace.ts';
import { updateIndexes } from '../../runtime/image/debian-packages.ts';
import { isGuestModule, packGuestModules } from '../../runtime/image/guest-modules.ts';
import { buildInitramfs, fetchDebianGuest, GUEST_READY_LINE } from '../../runtime/image/index.ts';
import { unpackMembers } from '../../runtime/image/unpack-member.ts';

const OUTPUT = join(import.meta.dirname, '../../build/benchmarks');
const VIRTIO = /\/(virtio|virtio_ring|virtio_pci|virtio_pci_modern_dev|virtio_pci_legacy_dev|virtio_blk|virtio_net|net_failover|failover)\.ko$/;

/** Debian amd64 with drivers for Xen's devices and for those of QEMU, so that both run the same guest. */
export interface PeerGuest {
  readonly kernel: string;
  readonly ramdisk: string;
  readonly readyLine: string;
}

/** Gets the kernel and packs the initramfs; the first time fetches the kernel's package for its modules. */
export async function preparePeerGuest(): Promise<PeerGuest> {
  const { kernel, busybox, packages } = await fetchDebianGuest({ flavour: 'amd64' });
  const name = Object.keys(packages).find((each) => each.startsWith('linux-image-')) ?? '';
  mkdirSync(OUTPUT, { recursive: true });
  const modules = join(OUTPUT, `modules-${packages[name]}.cpio`);
  if (!existsSync(modules)) writeFileSync(modules, await fetchModules(name));
  const ramdisk = join(OUTPUT, 'initramfs-peer.cpio');
  writeFileSync(ramdisk, buildInitramfs({ busybox: readFileSync(busybox), modules: readFileSync(modules) }));
  return { kernel, ramdisk, readyLine: GUEST_READY_LINE };
}

async function fetchModules(name: string): Promise<Uint8Array> {
  const directory = await mkdtemp(join(OUTPUT, '.apt-'));
  try {
    const apt = await createAptWorkspace(directory, 'amd64');
    await updateIndexes(apt, {});
    const { exitCode, complaints } = await apt.run({ tool: 'apt-get', args: ['download', name] });
    const [file] = exitCode === 0 ? await readdir(apt.packages) : [];
    if (file === undefined) throw new Error(`${name} cannot be fetched: ${complaints[0]}`);
    return packGuestModules(await unpackMembers(join(apt.packages, file), (path) => isGuestModule(path) || VIRTIO.test(path)));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
