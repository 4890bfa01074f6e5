import type { StoreDomain } from './store-domain.ts';
import { exceeds } from './quota.ts';
import { XsLimit } from '../wire/xs-wire.ts';
import { XenStoreError } from './xenstore-error.ts';

const VALID = /^[A-Za-z0-9\-/_@]+$/;
const LOCAL_PREFIX = /^\/local\/domain\/\d{1,5}\//;

/** Where a domain's relative paths begin. */
export function domainPath(domid: number): string {
  return `/local/domain/${domid}`;
}

/** The node above; `/` and the special nodes are below `/`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash > 0 ? path.slice(0, slash) : '/';
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Path of a child. */
export function childPath(path: string, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`;
}

/**
 * The absolute path that a domain means.
 * @param special - whether `@introduceDomain` and the like may be named
 */
export function resolvePath(domain: StoreDomain, path: string, special = false): string {
  const bad = (why: string): XenStoreError => new XenStoreError('EINVAL', why);
  if (!VALID.test(path) || (path.startsWith('@') && !special)) throw bad('not a path');
  const name = path.startsWith('/') || path.startsWith('@') ? path : `${domain.path}/${path}`;
  if ((name.endsWith('/') && name !== '/') || name.includes('//')) throw bad('an empty name in a path');
  const local = LOCAL_PREFIX.exec(name)?.[0].length ?? 0;
  if (name.length > XsLimit.absolutePathMax) throw bad('a path that is too long');
  if (!domain.privileged && exceeds(name.length - local, domain.quotas.pathLength)) throw bad('a path that is too long');
  return name;
}
