import { describe, expect, it } from 'vitest';
import { XsMessage } from '../../../../runtime/xenstore/index.ts';
import { encodeMessage } from '../../../../runtime/xenstore/wire/xs-bytes.ts';
import { OK, setUp } from './store-fixture.ts';

describe('the wire protocol', () => {
  it('reads, writes, lists, makes and removes', () => {
    const { one } = setUp();
    expect(one.read('name')).toBe('guest1');
    expect(one.read('/local/domain/1/name')).toBe('guest1');
    expect(one.write('data/a/b', 'x\0y')).toBe(OK);
    expect(one.read('data/a/b')).toBe('x\0y');
    expect(one.read('data/a')).toBe('');
    expect(one.text('XS_MKDIR', 'data/c\0')).toBe(OK);
    expect(one.text('XS_MKDIR', 'data/a/b\0')).toBe(OK);
    expect(one.read('data/a/b')).toBe('x\0y');
    expect(one.text('XS_DIRECTORY', 'data\0')).toBe('a\0c\0');
    expect(one.text('XS_RM', 'data/a\0')).toBe(OK);
    expect(one.text('XS_DIRECTORY', 'data\0')).toBe('c\0');
    expect(one.read('data/a/b')).toBe('ENOENT\0');
    expect(one.text('XS_RM', 'data/a\0')).toBe(OK);
    expect(one.text('XS_RM', 'data/a/b\0')).toBe('ENOENT\0');
  });

  it('echoes type, request and transaction', () => {
    const { one } = setUp();
    const id = one.begin();
    expect(one.ask(XsMessage.XS_READ, 'name\0', id)).toMatchObject({ type: XsMessage.XS_READ, txId: id, text: 'guest1' });
    expect(one.ask(XsMessage.XS_READ, 'none\0', id)).toMatchObject({ type: XsMessage.XS_ERROR, txId: id, text: 'ENOENT\0' });
  });

  it.each([
    ['XS_READ', 'name', 'EINVAL'],
    ['XS_READ', 'name\0more\0', 'EINVAL'],
    ['XS_READ', '\0', 'EINVAL'],
    ['XS_READ', '', 'EINVAL'],
    ['XS_READ', 'data//x\0', 'EINVAL'],
    ['XS_READ', 'data/\0', 'EINVAL'],
    ['XS_READ', 'data/sp ace\0', 'EINVAL'],
    ['XS_READ', '@releaseDomain\0', 'EINVAL'],
    ['XS_READ', '/local/domain/2/name\0', 'EACCES'],
    ['XS_READ', '/no/such\0', 'EACCES'],
    ['XS_READ', 'nothing\0', 'ENOENT'],
    ['XS_WRITE', 'name', 'EINVAL'],
    ['XS_WRITE', 'name\0me', 'EACCES'],
    ['XS_WRITE', 'other\0me', 'EACCES'],
    ['XS_WRITE', '/local/domain/2/data/x\0me', 'EACCES'],
    ['XS_MKDIR', 'name\0', 'EACCES'],
    ['XS_RM', 'name\0', 'EACCES'],
    ['XS_RM', '/\0', 'EACCES'],
    ['XS_SET_PERMS', 'data\0', 'EINVAL'],
    ['XS_SET_PERMS', 'data\0x1\0', 'EINVAL'],
    ['XS_SET_PERMS', 'data\0n99999\0', 'EINVAL'],
    ['XS_SET_PERMS', 'data\0n9\0', 'ENOENT'],
    ['XS_SET_PERMS', 'data\0n2\0', 'EPERM'],
    ['XS_SET_PERMS', 'name\0n1\0', 'EACCES'],
    ['XS_SET_PERMS', 'data\0n1\0r0\0r0\0r0\0r0\0r0\0', 'ENOSPC'],
    ['XS_GET_PERMS', '@releaseDomain\0', 'EACCES'],
    ['XS_WATCH', 'data\0', 'EINVAL'],
    ['XS_WATCH', 'a b\0t\0', 'EINVAL'],
    ['XS_WATCH', 'data\0t\0many\0', 'EINVAL'],
    ['XS_UNWATCH', 'data\0t\0', 'ENOENT'],
    ['XS_TRANSACTION_END', 'T\0', 'ENOENT'],
    ['XS_TRANSACTION_END', 'X\0', 'EINVAL'],
    ['XS_DIRECTORY_PART', 'data\0', 'EINVAL'],
    ['XS_CONTROL', 'help\0', 'EACCES'],
    ['XS_INTRODUCE', '3\x001\x001\0', 'EACCES'],
    ['XS_RELEASE', '2\0', 'EACCES'],
    ['XS_RESUME', '2\0', 'EACCES'],
    ['XS_SET_TARGET', '1\x002\0', 'EACCES'],
    ['XS_IS_DOMAIN_INTRODUCED', '2\0', 'EACCES'],
    ['XS_SET_QUOTA', 'nodes\x001\0', 'EACCES'],
    ['XS_GET_DOMAIN_PATH', '99999\0', 'EINVAL'],
    ['XS_WATCH_EVENT', 'a\0b\0', 'ENOSYS'],
    ['XS_ERROR', 'EIO\0', 'ENOSYS'],
  ] as const)('a guest asks %s %j: %s', (type, payload, errno) => {
    const { one } = setUp();
    const reply = one.ask(XsMessage[type], payload);
    expect(reply).toMatchObject({ type: XsMessage.XS_ERROR, text: `${errno}\0` });
  });

  it('counts the length of a path without the home that it begins with', () => {
    const { one } = setUp();
    const longest = `data/${'x'.repeat(2043)}`;
    expect(one.read(longest)).toBe('ENOENT\0');
    expect(one.read(`/local/domain/1/${longest}`)).toBe('ENOENT\0');
    expect(one.read(`${longest}x`)).toBe('EINVAL\0');
    expect(one.read(`/${'x'.repeat(2048)}`)).toBe('EINVAL\0');
  });

  it.each([20, 27, 1000, 0xffff, 0xffff_ffff])('does not know message %i', (type) => {
    expect(setUp().one.ask(type, '\0').text).toBe('ENOSYS\0');
  });

  it('shows a list that is too long in parts', () => {
    const { tool, dom0 } = setUp();
    const names = Array.from({ length: 600 }, (_, i) => `device-${i}`);
    for (const name of names) dom0.write(`/big/${name}`, '');
    expect(tool.text('XS_DIRECTORY', '/big\0')).toBe('E2BIG\0');
    let all = '';
    const generations = new Set<string>();
    for (let ended = false; !ended; ) {
      const part = tool.text('XS_DIRECTORY_PART', `/big\0${all.length}\0`);
      expect(part.length).toBeLessThanOrEqual(4096);
      const end = part.indexOf('\0') + 1;
      generations.add(part.slice(0, end));
      ended = part.endsWith('\0\0');
      all += ended ? part.slice(end, -1) : part.slice(end);
    }
    expect(all).toBe(names.map((name) => `${name}\0`).join(''));
    expect(generations.size).toBe(1);
    expect(tool.text('XS_DIRECTORY_PART', '/big\x00100000\0')).toMatch(/^\d+\0\0$/);
    dom0.write('/big/one-more', '');
    expect(generations).not.toContain(tool.text('XS_DIRECTORY_PART', '/big\x000\0').split('\0')[0]);
  });

  it('lets domain 0 and its tools do everything', () => {
    const { tool, store, one } = setUp();
    expect(tool.text('XS_RM', '/\0')).toBe('EINVAL\0');
    expect(tool.text('XS_CONTROL', 'help\0')).toContain('check');
    expect(tool.text('XS_CONTROL', 'check\0')).toBe(OK);
    expect(tool.text('XS_CONTROL', 'explode\0')).toBe('EINVAL\0');
    expect(tool.text('XS_IS_DOMAIN_INTRODUCED', '1\0')).toBe('T\0');
    expect(tool.text('XS_IS_DOMAIN_INTRODUCED', '32752\0')).toBe('T\0');
    expect(tool.text('XS_IS_DOMAIN_INTRODUCED', '7\0')).toBe('F\0');
    expect(tool.text('XS_GET_DOMAIN_PATH', '7\0')).toBe('/local/domain/7\0');
    expect(one.text('XS_GET_DOMAIN_PATH', '1\0')).toBe('/local/domain/1\0');
    expect(tool.text('XS_INTRODUCE', '7\x001234\x005\0')).toBe('ENOSYS\0');
    expect(tool.text('XS_RESUME', '1\0')).toBe(OK);
    expect(tool.text('XS_RELEASE', '0\0')).toBe('EINVAL\0');
    expect(tool.text('XS_RELEASE', '7\0')).toBe('ENOENT\0');
    expect(tool.text('XS_RELEASE', '1\0')).toBe(OK);
    expect(tool.text('XS_IS_DOMAIN_INTRODUCED', '1\0')).toBe('F\0');
    expect(store.isIntroduced(1)).toBe(false);
    expect(one.connection.isClosed).toBe(true);
  });

  it('has the hypervisor introduce a domain that a tool names', () => {
    const asked: unknown[] = [];
    const { tool } = setUp({ introduce: (wanted) => asked.push(wanted) });
    expect(tool.text('XS_INTRODUCE', '7\x001234\x005\0')).toBe(OK);
    expect(tool.text('XS_INTRODUCE', '7\x001234\x000\0')).toBe('EINVAL\0');
    expect(tool.text('XS_INTRODUCE', '7\x001234\0')).toBe('EINVAL\0');
    expect(asked).toEqual([{ domid: 7, gfn: 1234, port: 5 }]);
  });

  it('tells and sets features and quotas', () => {
    const { tool, one } = setUp();
    expect(tool.text('XS_GET_FEATURE', '\0')).toBe('7\0');
    expect(one.text('XS_GET_FEATURE', '2\0')).toBe('EACCES\0');
    expect(tool.text('XS_SET_FEATURE', '1\x008\0')).toBe('EINVAL\0');
    expect(tool.text('XS_SET_FEATURE', '1\x002\0')).toBe(OK);
    expect(one.text('XS_GET_FEATURE', '\0')).toBe('2\0');
    expect(tool.text('XS_GET_QUOTA', '\0').split(' ')).toContain('transaction-nodes');
    expect(tool.text('XS_GET_QUOTA', 'nodes\0')).toBe('1000\0');
    expect(tool.text('XS_GET_QUOTA', 'apples\0')).toBe('EINVAL\0');
    expect(tool.text('XS_SET_QUOTA', '1\0nodes\x005\0')).toBe(OK);
    expect(tool.text('XS_GET_QUOTA', '1\0nodes\0')).toBe('5\0');
    expect(tool.text('XS_GET_QUOTA', '2\0nodes\0')).toBe('1000\0');
    expect(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => one.write(`data/${name}`, ''))).toEqual([OK, OK, OK, OK, 'ENOSPC\0', 'ENOSPC\0']);
  });

  it('gives a domain the rights of its target', () => {
    const { tool, one } = setUp();
    expect(one.write('/local/domain/2/data/x', '')).toBe('EACCES\0');
    expect(tool.text('XS_SET_TARGET', '1\x009\0')).toBe('ENOENT\0');
    expect(tool.text('XS_SET_TARGET', '1\x002\0')).toBe(OK);
    expect(one.write('/local/domain/2/data/x', '')).toBe(OK);
    expect(one.read('/local/domain/2/name')).toBe('guest2');
  });

  it('ends a connection that announces too long a message', () => {
    const { one } = setUp();
    one.watch('data', 't');
    const header = encodeMessage(XsMessage.XS_READ, 1, 0, '');
    new DataView(header.buffer).setUint32(12, 4097, true);
    one.poll();
    expect(one.connection.receive(header)).toBe(16);
    expect(one.connection.error).toBe(3);
    expect(one.connection.wanted).toBe(0);
    expect(one.connection.receive(new Uint8Array(100))).toBe(0);
    expect(one.connection.domain).toMatchObject({ watches: 0, outstanding: 0 });
    one.connection.reset();
    expect(one.read('name')).toBe('guest1');
  });

  it('takes messages in pieces of any size', () => {
    const { one } = setUp();
    const stream = [...encodeMessage(XsMessage.XS_READ, 1, 0, 'name\0'), ...encodeMessage(XsMessage.XS_RESET_WATCHES, 2, 0, '')];
    for (const byte of stream) expect(one.connection.receive(Uint8Array.of(byte))).toBe(1);
    expect(one.poll().map(({ text }) => text)).toEqual(['guest1', OK]);
  });
});
