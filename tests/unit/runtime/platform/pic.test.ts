import { describe, expect, it } from 'vitest';
import { Pic } from '../../../../runtime/platform/pic.ts';

function createPic(icw4Master = 0x01) {
  const levels: boolean[] = [];
  const pic = new Pic({ output: (level) => levels.push(level) });
  const command = (value: number): void => pic.master.write(0, 1, value);
  const slaveCommand = (value: number): void => pic.slave.write(0, 1, value);
  command(0x11);
  pic.master.write(1, 1, 0x20);
  pic.master.write(1, 1, 0x04);
  pic.master.write(1, 1, icw4Master);
  slaveCommand(0x11);
  pic.slave.write(1, 1, 0x28);
  pic.slave.write(1, 1, 0x02);
  pic.slave.write(1, 1, 0x01);
  const pulse = (irq: number): void => {
    pic.setIrq(irq, false);
    pic.setIrq(irq, true);
  };
  const isr = (): number => {
    command(0x0b);
    return pic.master.read(0, 1);
  };
  const irr = (): number => {
    command(0x0a);
    return pic.master.read(0, 1);
  };
  return { pic, levels, command, slaveCommand, pulse, isr, irr };
}

describe('8259A pair', () => {
  it('delivers vectors of master and slave', () => {
    const { pic, pulse, levels } = createPic();
    pulse(4);
    expect(levels).toEqual([true]);
    expect(pic.acknowledge()).toBe(0x24);
    expect(pic.hasInterrupt()).toBe(false);
    pic.master.write(0, 1, 0x20);
    pulse(8);
    expect(pic.hasInterrupt()).toBe(true);
    expect(pic.acknowledge()).toBe(0x28);
  });

  it('masks, and keeps a masked edge while its line is high', () => {
    const { pic, pulse, irr } = createPic();
    pic.master.write(1, 1, 0xff);
    expect(pic.master.read(1, 1)).toBe(0xff);
    pulse(3);
    expect(pic.hasInterrupt()).toBe(false);
    expect(irr()).toBe(0x08);
    pic.master.write(1, 1, 0xf7);
    expect(pic.hasInterrupt()).toBe(true);
  });

  it('nests: higher interrupts come through, lower ones wait for the EOI', () => {
    const { pic, pulse, isr, command } = createPic();
    pulse(4);
    expect(pic.acknowledge()).toBe(0x24);
    pulse(6);
    expect(pic.hasInterrupt()).toBe(false);
    pulse(1);
    expect(pic.acknowledge()).toBe(0x21);
    expect(isr()).toBe(0x12);
    command(0x20);
    expect(isr()).toBe(0x10);
    expect(pic.hasInterrupt()).toBe(false);
    command(0x64);
    expect(isr()).toBe(0);
    expect(pic.acknowledge()).toBe(0x26);
  });

  it('gives spurious IRQ 7 and 15 when a request goes away', () => {
    const { pic, isr } = createPic();
    pic.setIrq(3, true);
    pic.setIrq(3, false);
    expect(pic.hasInterrupt()).toBe(false);
    expect(pic.acknowledge()).toBe(0x27);
    expect(isr()).toBe(0);
    const slave = createPic();
    slave.pic.setIrq(12, true);
    expect(slave.pic.hasInterrupt()).toBe(true);
    slave.pic.setIrq(12, false);
    expect(slave.pic.acknowledge()).toBe(0x2f);
    // The master served its cascade input and wants an EOI; the slave served nothing.
    expect(slave.isr()).toBe(0x04);
    slave.slaveCommand(0x0b);
    expect(slave.pic.slave.read(0, 1)).toBe(0);
  });

  it('serves an edge once, a level as long as it lasts', () => {
    const { pic, command } = createPic();
    pic.setIrq(5, true);
    expect(pic.acknowledge()).toBe(0x25);
    command(0x20);
    expect(pic.hasInterrupt()).toBe(false);
    pic.setIrq(5, false);
    pic.edgeLevelControl.write(0, 1, 0xff);
    expect(pic.edgeLevelControl.read(0, 1)).toBe(0xf8);
    pic.edgeLevelControl.write(1, 1, 0xff);
    expect(pic.edgeLevelControl.read(0, 2)).toBe(0xdef8);
    pic.setIrq(5, true);
    expect(pic.acknowledge()).toBe(0x25);
    command(0x20);
    expect(pic.hasInterrupt()).toBe(true);
    pic.setIrq(5, false);
    expect(pic.hasInterrupt()).toBe(false);
  });

  it('rotates priorities on request', () => {
    const { pic, pulse, command } = createPic();
    command(0xc0 | 4);
    pulse(3);
    pulse(5);
    expect(pic.acknowledge()).toBe(0x25);
    command(0xa0);
    pulse(6);
    pulse(5);
    expect(pic.acknowledge()).toBe(0x26);
    command(0xe0 | 6);
    expect(pic.acknowledge()).toBe(0x23);
  });

  it('ends interrupts by itself with AEOI, rotating if wanted', () => {
    const { pic, pulse, isr, command } = createPic(0x03);
    command(0x80);
    pulse(0);
    expect(pic.acknowledge()).toBe(0x20);
    expect(isr()).toBe(0);
    pulse(0);
    pulse(7);
    expect(pic.acknowledge()).toBe(0x27);
    expect(pic.acknowledge()).toBe(0x20);
  });

  it('lets better slave interrupts in only in special fully nested mode', () => {
    for (const [icw4, nested] of [
      [0x01, false],
      [0x11, true],
    ] as const) {
      const { pic, pulse } = createPic(icw4);
      pulse(12);
      expect(pic.acknowledge()).toBe(0x2c);
      pulse(14);
      expect(pic.hasInterrupt()).toBe(false);
      pulse(9);
      expect(pic.hasInterrupt()).toBe(nested);
      if (nested) expect(pic.acknowledge()).toBe(0x29);
    }
  });

  it('special mask mode lets lower interrupts past a masked one in service', () => {
    const { pic, pulse, isr, command } = createPic();
    pulse(2 + 1);
    expect(pic.acknowledge()).toBe(0x23);
    pulse(6);
    pic.master.write(1, 1, 0x08);
    expect(pic.hasInterrupt()).toBe(false);
    command(0x68);
    expect(pic.acknowledge()).toBe(0x26);
    command(0x20);
    expect(isr()).toBe(0x08);
    command(0x48);
    expect(pic.hasInterrupt()).toBe(false);
  });

  it('can be polled', () => {
    const { pic, pulse, command, isr } = createPic();
    command(0x0c);
    expect(pic.master.read(0, 1)).toBe(0);
    pulse(6);
    command(0x0c);
    expect(pic.master.read(0, 1)).toBe(0x86);
    expect(isr()).toBe(0x40);
  });

  it('starts anew at ICW1 and waits for the rest of the words', () => {
    const { pic, command, irr } = createPic();
    pic.setIrq(1, true);
    command(0x11);
    pic.master.write(1, 1, 0x40);
    expect(pic.hasInterrupt()).toBe(false);
    pic.master.write(1, 1, 0x04);
    pic.master.write(1, 1, 0x01);
    // The line was high all the time: no new edge.
    expect(irr()).toBe(0);
    pic.setIrq(1, false);
    pic.setIrq(1, true);
    expect(pic.acknowledge()).toBe(0x41);
  });

  it('takes a single chip without ICW4', () => {
    const { pic, command } = createPic();
    command(0x12);
    pic.master.write(1, 1, 0x60);
    pic.master.write(1, 1, 0xfe);
    expect(pic.master.read(1, 1)).toBe(0xfe);
    pic.setIrq(0, true);
    expect(pic.acknowledge()).toBe(0x60);
  });
});
