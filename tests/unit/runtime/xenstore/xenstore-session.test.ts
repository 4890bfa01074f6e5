import { describe, expect, it } from 'vitest';
import { XenStore, XenStoreError } from '../../../../runtime/xenstore/index.ts';

function errnoOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof XenStoreError) return error.errno;
    throw error;
  }
  return 'none';
}

describe('XenStoreSession', () => {
  it('reads and writes text, numbers and bytes, which nobody can change afterwards', () => {
    const session = new XenStore().session();
    const bytes = Uint8Array.of(0, 255, 7);
    session.write('/b', bytes);
    bytes[0] = 9;
    expect(session.readBytes('/b')).toEqual(Uint8Array.of(0, 255, 7));
    session.readBytes('/b')[0] = 9;
    expect(session.readBytes('/b')[0]).toBe(0);
    session.writeAll('/d', { text: 'grün', number: 51712, nothing: undefined });
    expect(session.list('/d')).toEqual(['text', 'number']);
    expect(session.read('/d/text')).toBe('grün');
    expect(session.tryReadNumber('/d/number')).toBe(51712);
    expect(session.tryReadNumber('/d/text')).toBeUndefined();
    expect(session.tryRead('/none')).toBeUndefined();
    expect(errnoOf(() => session.read('/none'))).toBe('ENOENT');
    expect(errnoOf(() => session.read('no path'))).toBe('EINVAL');
    session.write('relative', 'x');
    expect(session.read('/local/domain/0/relative')).toBe('x');
  });

  it('has the rights and quotas of the domain that it acts as', () => {
    const store = new XenStore({ quotas: { nodes: 3 } });
    store.addDomain(5);
    const session = store.session(5);
    expect(session.domid).toBe(5);
    expect(errnoOf(() => session.write('x', 1))).toBe('EACCES');
    store.session().makeDirectory('/local/domain/5');
    store.session().setPermissions('/local/domain/5', 'n5');
    session.write('x', 1);
    session.write('y', 1);
    expect(errnoOf(() => session.write('z', 1))).toBe('ENOSPC');
    expect(errnoOf(() => store.session(6))).toBe('ENOENT');
    expect([0, -1, 0x7ff0, 1.5].map((domid) => errnoOf(() => store.addDomain(domid)))).toEqual(['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL']);
  });

  it('calls listeners later, never within a call, and not after they are closed', async () => {
    const store = new XenStore();
    const session = store.session();
    const seen: string[] = [];
    const watch = session.watch('/a', (path) => {
      seen.push(path);
      if (path === '/a/b') session.write('/a/c', 'from a listener');
    });
    expect(seen).toEqual([]);
    await Promise.resolve();
    expect(seen).toEqual(['/a']);
    session.write('/a/b', 1);
    session.write('/a/b', 2);
    expect(seen).toEqual(['/a']);
    store.flush();
    expect(seen).toEqual(['/a', '/a/b', '/a/c']);
    session.write('/a/d', 1);
    watch.close();
    watch.close();
    store.flush();
    expect(seen).toHaveLength(3);
  });

  it('goes on when a listener throws, and says which', () => {
    const failed: string[] = [];
    const store = new XenStore({ onListenerError: (error, path) => failed.push(`${path}: ${error}`) });
    const session = store.session();
    let calls = 0;
    session.watch('/a', () => {
      throw new Error('broken');
    });
    session.watch('/a', () => calls++);
    store.flush();
    expect(failed).toEqual(['/a: Error: broken']);
    expect(calls).toBe(1);
  });

  it('does all of a transaction or nothing, and tries again when others got in between', () => {
    const store = new XenStore();
    const [a, b] = [store.session(), store.session()];
    a.write('/n', 1);
    let attempts = 0;
    a.transaction((nodes) => {
      if (++attempts === 1) b.write('/n', 10);
      nodes.write('/n', Number(nodes.read('/n')) + 1);
    });
    expect([a.read('/n'), attempts]).toEqual(['11', 2]);
    expect(() =>
      a.transaction((nodes) => {
        nodes.write('/n', 99);
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(a.read('/n')).toBe('11');
    expect(
      errnoOf(() =>
        a.transaction((nodes) => {
          nodes.read('/n');
          b.write('/n', 1);
        }),
      ),
    ).toBe('EAGAIN');
    expect(store.core.table.history.size).toBe(0);
  });

  it('keeps a transaction open as long as its owner wants', () => {
    const store = new XenStore();
    const session = store.session();
    const open = session.begin();
    open.write('/x', 1);
    expect(session.exists('/x')).toBe(false);
    open.commit();
    expect(session.exists('/x')).toBe(true);
    expect(errnoOf(() => open.write('/x', 2))).toBe('ENOENT');
    expect(errnoOf(() => open.commit())).toBe('ENOENT');
    expect(errnoOf(() => open.abort())).toBe('ENOENT');
  });

  it('is of no use when it is closed, or its domain is gone', () => {
    const store = new XenStore();
    store.introduceDomain(3);
    const [guest, tool] = [store.session(3), store.session()];
    const open = guest.begin();
    const seen: string[] = [];
    tool.watch('/x', (path) => seen.push(path));
    store.releaseDomain(3);
    tool.close();
    store.flush();
    expect(seen).toEqual([]);
    for (const act of [() => tool.write('/x', 1), () => guest.tryRead('x'), () => guest.watch('x', () => undefined), () => guest.begin()])
      expect(errnoOf(act)).toBe('EINVAL');
    expect(errnoOf(() => open.commit())).toBe('ENOENT');
  });

  it('follows many domains that come and go without keeping anything of them', () => {
    const store = new XenStore();
    const dom0 = store.session();
    const before = { size: store.core.table.size, memory: 0 };
    for (let i = 0; i < 200; i++) {
      const connection = store.introduceDomain(1 + (i % 3));
      const home = connection.domain.path;
      dom0.makeDirectory(home);
      dom0.setPermissions(home, `n${connection.domain.domid}`);
      store.session(connection.domain.domid).watch('x', () => undefined);
      store.session(connection.domain.domid).begin().write('x', 1);
      store.releaseDomain(connection.domain.domid);
      expect(connection.domain).toMatchObject({ nodes: 0, memory: 0, watches: 0, transactions: 0, outstanding: 0 });
    }
    dom0.remove('/local');
    expect(store.core.table.size).toBe(before.size);
    expect([...store.core.domains.all()]).toHaveLength(1);
  });
});
