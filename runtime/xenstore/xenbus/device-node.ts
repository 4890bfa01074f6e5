import type { XenStoreSession } from '../xenstore-session.ts';
import type { StoreValues, XenStoreNodes } from '../xenstore-nodes.ts';
import { domainPath } from '../tree/store-path.ts';
import { XenbusState } from './xenbus-state.ts';

/** Which device of which domain. */
export interface DeviceName {
  /** `vbd`, `vif`, `console`. */
  readonly type: string;
  /** The domain that uses it. */
  readonly frontendDomid: number;
  /** Number of the device within its type, 51712 for `xvda`. */
  readonly id: number;
}

/** Paths of the two ends of a device whose backend is in domain 0. */
export interface DevicePaths {
  readonly frontend: string;
  readonly backend: string;
  /** Where xenbus keeps the backend's last error. */
  readonly error: string;
}

/** Where the ends of a device are. */
export function devicePaths({ type, frontendDomid, id }: DeviceName): DevicePaths {
  const place = `backend/${type}/${frontendDomid}/${id}`;
  return {
    frontend: `${domainPath(frontendDomid)}/device/${type}/${id}`,
    backend: `${domainPath(0)}/${place}`,
    error: `${domainPath(0)}/error/${place}/error`,
  };
}

/**
 * Makes the nodes of a device as the toolstack does: the frontend's belong to its domain and domain 0 reads
 * them, the backend's belong to domain 0 and the frontend's domain reads them. Both ends are Initialising.
 * @param values - what the ends are told besides
 */
export function createDeviceNodes(session: XenStoreSession, name: DeviceName, values: { frontend?: StoreValues; backend?: StoreValues } = {}): DevicePaths {
  const paths = devicePaths(name);
  const { frontend, backend } = paths;
  session.transaction((nodes: XenStoreNodes) => {
    for (const path of [frontend, backend]) if (nodes.exists(path)) nodes.remove(path);
    nodes.makeDirectory(frontend);
    nodes.setPermissions(frontend, `n${name.frontendDomid}`, 'r0');
    nodes.makeDirectory(backend);
    nodes.setPermissions(backend, 'n0', `r${name.frontendDomid}`);
    nodes.writeAll(frontend, { backend, 'backend-id': 0, state: XenbusState.Initialising, ...values.frontend });
    nodes.writeAll(backend, {
      frontend,
      'frontend-id': name.frontendDomid,
      online: 1,
      state: XenbusState.Initialising,
      ...values.backend,
    });
  });
  return paths;
}

/** Removes the nodes of both ends, and what is left empty above the backend. */
export function removeDeviceNodes(session: XenStoreSession, name: DeviceName): void {
  const { frontend, backend } = devicePaths(name);
  const above = backend.slice(0, backend.lastIndexOf('/'));
  session.transaction((nodes) => {
    for (const path of [frontend, backend]) if (nodes.exists(path)) nodes.remove(path);
    if (nodes.exists(above) && nodes.list(above).length === 0) nodes.remove(above);
  });
}
