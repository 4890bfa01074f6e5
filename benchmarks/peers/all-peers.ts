import { native } from './native.ts';
import type { Peer } from './peer.ts';
import { qemu } from './qemu.ts';
import { v86 } from './v86.ts';
import { warmXylem, xylem } from './xylem.ts';

/** Every peer, ours first. */
export const ALL_PEERS: readonly Peer[] = [xylem, warmXylem, qemu, v86, native];

/**
 * The peers with these names, in our order.
 *
 * @throws Error when a name is unknown
 */
export function choosePeers(names: readonly string[] | null): readonly Peer[] {
  const known = ALL_PEERS.map(({ name }) => name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no peer '${unknown}'; there are ${known.join(', ')}`);
  return ALL_PEERS.filter(({ name }) => names?.includes(name) ?? true);
}
