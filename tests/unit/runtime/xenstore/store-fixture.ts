import { XenStore } from '../../../../runtime/xenstore/index.ts';
import { WireClient } from './wire-client.ts';

/** The reply to what was done. */
export const OK = 'OK\0';

/** A store with domains 1 and 2, each with a home that it may not write and a `data` below that it may. */
export function setUp(options: ConstructorParameters<typeof XenStore>[0] = {}) {
  const store = new XenStore({ now: () => 0, ...options });
  const dom0 = store.session();
  const guests = [1, 2].map((domid) => {
    store.addDomain(domid);
    const home = `/local/domain/${domid}`;
    dom0.write(home, '');
    dom0.setPermissions(home, 'n0', `r${domid}`);
    dom0.write(`${home}/name`, `guest${domid}`);
    dom0.write(`${home}/data`, '');
    dom0.setPermissions(`${home}/data`, `n${domid}`);
    return new WireClient(store.introduceDomain(domid));
  });
  return { store, dom0, one: guests[0]!, two: guests[1]!, tool: new WireClient(store.connectPrivileged()) };
}
