import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HypervisorError, parseTxRate } from '#sdk';
import { parseVifSpec, parseVifSpecs, randomMac, vifNodes } from '../../../../runtime/device-spec/index.ts';

const context = { source: '--vif', backends: ['user', 'switch'] };
const parse = (text: string) => parseVifSpec(text, context);

describe('a spec of a vif', () => {
  it('may be empty: an address of Xen, and the usual network', () => {
    expect(parse('')).toEqual({ backend: 'user', mac: expect.stringMatching(/^00:16:3e:[0-7][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}$/), settings: {} });
  });

  it('says everything by keys', () => {
    expect(parse('mac=00:16:3E:0a:0b:0C, bridge=xenbr1,ip=10.0.0.7,script=vif-nat,vifname=web.0')).toEqual({
      backend: 'switch',
      mac: '00:16:3e:0a:0b:0c',
      settings: { bridge: 'xenbr1', ip: '10.0.0.7', script: 'vif-nat', vifname: 'web.0' },
    });
    expect(parse('backend=user,bridge=b,forward=tcp:2222-22+udp:53-53').settings['forward']).toBe('tcp:2222-22+udp:53-53');
    expect([parse('backend=0').backend, parse('backend=Domain-0,bridge=b').backend, parse('type=vif').settings]).toEqual(['user', 'switch', {}]);
  });

  it.each([
    ['10Mb/s', '62500,50000'],
    ['1GB/s', '50000000,50000'],
    ['250KB/s@10ms', '2500,10000'],
    ['800b/s@1s', '100,1000000'],
    ['1MB/s@500us', '500,500'],
  ])('limits the rate: %s', (text, node) => {
    const { rate } = parse(`rate=${text}`).settings;
    expect(rate).toBe(node);
    expect(parseTxRate(rate)).toBeDefined();
  });

  it.each([
    'mac=00:16:3e:01:02',
    'mac=01:16:3e:01:02:03',
    'mac=00:00:00:00:00:00',
    'mac=',
    'ip=10.0.0.256',
    'ip=::1',
    'type=ioemu',
    'rate=10',
    'rate=0b/s',
    'rate=10Mb/s@0ms',
    'vifname=a name',
    'vifname=sixteen-letters-x',
    'backend=none',
    'colour=red',
    'mac',
    'bridge=a,bridge=b',
    'constructor=x',
    'bridge=a\nb',
  ])('is refused with a hint: %s', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ name: 'HypervisorError', code: 'HV_ERR_DEVICE_SPEC', hint: expect.any(String) }));
  });

  it('never fails in another way, whatever is written', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'mac=ipbridge0123:.,/@ratesMGKb ') }), (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(HypervisorError);
        }
      }),
    );
  });

  it('names an address once in a domain', () => {
    expect(parseVifSpecs(['', ''], context).length).toBe(2);
    expect(() => parseVifSpecs(['mac=00:16:3e:00:00:01', 'mac=00:16:3E:00:00:01'], context)).toThrow(/already has a vif/);
  });

  it('becomes the nodes of both ends', () => {
    expect(vifNodes(parse('mac=00:16:3e:00:00:01,bridge=b'), 2)).toEqual({
      frontend: { handle: 2, mac: '00:16:3e:00:00:01', mtu: 1500 },
      backend: { handle: 2, mac: '00:16:3e:00:00:01', type: 'vif', bridge: 'b' },
    });
  });
});

describe('a random address', () => {
  it('lies in the range that Xen has', () => {
    expect(randomMac((below) => below - 1)).toBe('00:16:3e:7f:ff:ff');
    expect(randomMac(() => 0)).toBe('00:16:3e:00:00:00');
  });
});
