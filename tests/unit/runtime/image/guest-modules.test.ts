import { expect, it } from 'vitest';
import { packGuestModules } from '../../../../runtime/image/guest-modules.ts';

const module = (name: string, ...facts: readonly string[]) => ({
  path: `lib/modules/6.1/kernel/drivers/${name}.ko`,
  data: Buffer.from(`\0${facts.map((fact) => `${fact}\0`).join('')}`, 'latin1'),
});
const dependencies = (archive: Uint8Array): string[] =>
  Buffer.from(archive)
    .toString('latin1')
    .split('\n')
    .map((line) => line.replace(/^.*\0/, ''))
    .filter((line) => /^[\w-]+\.ko:/.test(line));

it('names what a module needs behind it, so that modprobe can begin at the end', () => {
  const lines = dependencies(
    packGuestModules([
      module('virtio_pci', 'depends=virtio_ring,virtio'),
      module('virtio_ring', 'depends=virtio'),
      module('virtio', 'depends='),
      module('one', 'softdep=pre: two'),
      module('two', 'depends=one,virtio-ring'),
    ]),
  );
  expect(lines).toEqual([
    'virtio_pci.ko: virtio_ring.ko virtio.ko',
    'virtio_ring.ko: virtio.ko',
    'virtio.ko:',
    'one.ko: two.ko virtio_ring.ko virtio.ko',
    'two.ko: virtio_ring.ko virtio.ko one.ko',
  ]);
});
