import { readFileSync } from 'node:fs';
import { fetchDebianGuest, type GuestFlavour } from '../../runtime/image/index.ts';

/** Where the files of a Debian guest are, or why there are none. */
export type DebianFiles = { readonly kernel: string; readonly busybox: string; readonly modules: string } | { readonly missing: string };

/** Gets a Debian guest; where there is no apt or no network the tests that need it are left out. */
export async function debianFiles(flavour: GuestFlavour): Promise<DebianFiles> {
  try {
    const { kernel, busybox, modules } = await fetchDebianGuest({ flavour });
    readFileSync(busybox);
    return { kernel, busybox, modules };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
