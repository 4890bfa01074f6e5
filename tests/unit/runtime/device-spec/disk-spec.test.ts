import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HypervisorError } from '#sdk';
import { diskNodes, parseDiskSpec, parseDiskSpecs } from '../../../../runtime/device-spec/index.ts';

const context = { source: '--disk', backends: ['file', 'memory'] };
const parse = (text: string) => parseDiskSpec(text, context);

function refusal(action: () => unknown): HypervisorError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(HypervisorError);
    return error as HypervisorError;
  }
  throw new Error('it was taken');
}

describe('the description of a VBD', () => {
  it('is that of the manual', () => {
    expect(parse('file:/images/disk.img,xvda,w')).toEqual({
      backend: 'file',
      params: '/images/disk.img',
      device: 'xvda',
      deviceId: 51712,
      mode: 'w',
      deviceType: 'disk',
    });
    expect(parse('file:disk.img,sda1,r')).toMatchObject({ device: 'sda1', deviceId: 2049, mode: 'r' });
    expect(parse('memory:64M,0xca10,w!')).toMatchObject({ backend: 'memory', params: '64M', deviceId: 51728, mode: 'w!' });
  });

  it('may have commas, colons and spaces in the path', () => {
    expect(parse('file:my disk, the first: new.img,xvda,w').params).toBe('my disk, the first: new.img');
    expect(parse('file:a,r,xvda,w').params).toBe('a,r');
    expect(parse('file:a,w,w,xvda,r').params).toBe('a,w,w');
  });

  it('takes a device with /dev/ or a type, and the domain 0', () => {
    expect(parse('file:a,/dev/xvdb,w')).toMatchObject({ device: 'xvdb', deviceType: 'disk' });
    expect(parse('file:a,hdc:cdrom,r')).toMatchObject({ device: 'hdc', deviceType: 'cdrom' });
    expect(parse('file:a,xvda,w,0')).toMatchObject({ params: 'a', mode: 'w' });
    expect(parse(' file:a , xvda , w '.trim())).toMatchObject({ device: 'xvda', mode: 'w' });
  });

  it.each([
    ['', 'KIND:PATH,DEVICE,MODE'],
    ['disk.img,xvda,w', 'KIND:PATH,DEVICE,MODE'],
    ['file:disk.img', 'KIND:PATH,DEVICE,MODE'],
    ['file:disk.img,xvda', 'KIND:PATH,DEVICE,MODE'],
    ['file:,xvda,w', 'behind file:'],
    ['file:a\0b,xvda,w', 'behind file:'],
    ['file:a,vda,w', '"vda" is no name of a VBD'],
    ['file:a,,w', '"" is no name of a VBD'],
    ['file:a,hdc:tape,r', '"tape" is no type'],
    ['file:a,ioemu:hda,w', 'emulated drive'],
    ['file:a,xvda,rw', 'the mode is "rw"; expected was r, w or w!'],
    ['file:a,xvda,', 'the mode is ""'],
    ['file:a,xvda,w,3', 'domain "3"'],
    ['qcow:a,xvda,w', 'no backend "qcow"; expected was one of file, memory'],
  ])('"%s" is refused: %s', (text, message) => {
    const error = refusal(() => parse(text));
    expect(error.code).toBe('HV_ERR_DEVICE_SPEC');
    expect(error.message).toContain(message);
    expect(error.message).toContain('--disk');
    expect(error.hint).toBeTruthy();
  });

  it.each(['phy:sda1,xvda,w', 'phy:/dev/vg/lv,xvda,w', 'nbd:host 2000,xvda,w', 'tap:aio:disk.img,xvda,w'])('%s is refused, and told what to write', (text) => {
    expect(refusal(() => parse(text)).hint).toContain('file:PATH,DEVICE,MODE');
  });

  it('is read or refused, whatever it is, and nothing of it is lost', () => {
    const part = fc.oneof(fc.constantFrom('file', 'memory', 'xvda', 'r', 'w', 'w!', '0', ',', ':', ' ', 'hda1'), fc.string({ maxLength: 4 }));
    const text = fc.array(part, { maxLength: 10 }).map((parts) => parts.join(''));
    const shaped = fc.tuple(part, text, part, part).map(([kind, path, device, mode]) => `${kind}:${path},${device},${mode}`);
    fc.assert(
      fc.property(fc.oneof(text, shaped), (written) => {
        try {
          const { backend, params, device, mode } = parse(written);
          expect(written.replace(/\s/g, '').toLowerCase()).toContain(`${backend}:${params.replace(/\s/g, '').toLowerCase()},`);
          for (const each of [device, mode]) expect(written).toContain(each);
        } catch (error) {
          if (!(error instanceof HypervisorError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is one of several with different numbers', () => {
    expect(parseDiskSpecs(['file:a,xvda,w', 'file:b,xvdb,w'], context).map(({ device }) => device)).toEqual(['xvda', 'xvdb']);
    expect(refusal(() => parseDiskSpecs(['file:a,xvda,w', 'file:b,ca00,w'], context)).message).toContain('already has a VBD xvda');
  });

  it('becomes the nodes that stock frontends need', () => {
    const nodes = diskNodes(parse('file:a,xvda,w!'));
    expect(nodes.frontend).toEqual({ 'virtual-device': 51712, 'device-type': 'disk' });
    expect(nodes.backend).toMatchObject({ params: 'a', type: 'file', dev: 'xvda', mode: 'w!', removable: 0 });
  });
});
