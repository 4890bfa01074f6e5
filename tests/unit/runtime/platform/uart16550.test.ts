import { describe, expect, it } from 'vitest';
import { Uart16550 } from '../../../../runtime/platform/uart16550.ts';
import { TestLine, TestTime } from './fixtures.ts';

const RBR = 0;
const IER = 1;
const IIR = 2;
const FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

function createUart() {
  const time = new TestTime();
  const line = new TestLine();
  const sent: number[] = [];
  const uart = new Uart16550({ clock: time.clock, timers: time.timers, irq: line, transmit: (byte) => sent.push(byte) });
  const get = (register: number): number => uart.read(register, 1);
  const put = (register: number, value: number): void => uart.write(register, 1, value);
  const type = (text: string): void => uart.receive(new TextEncoder().encode(text));
  return { time, line, sent, uart, get, put, type };
}

describe('16550A', () => {
  it('passes the probe of the Linux 8250 driver', () => {
    const { get, put } = createUart();
    put(IER, 0);
    expect(get(IER) & 0x0f).toBe(0);
    put(IER, 0x0f);
    expect(get(IER) & 0x0f).toBe(0x0f);
    put(IER, 0xff);
    expect(get(IER)).toBe(0x0f);
    put(IER, 0);
    put(MCR, 0x10 | 0x0a);
    expect(get(MSR) & 0xf0).toBe(0x90);
    put(MCR, 0);
    put(LCR, 0xbf);
    put(FCR, 0);
    put(LCR, 0);
    put(FCR, 1);
    expect(get(IIR) >> 6).toBe(3);
    // No EFR (16650), no 64-byte FIFO (16750), no high-speed bit (National).
    put(LCR, 0x80);
    expect(get(IIR)).not.toBe(0);
    put(LCR, 0);
    put(FCR, 0x21);
    expect(get(IIR) & 0x20).toBe(0);
  });

  it('keeps scratch, line control and divisor', () => {
    const { get, put } = createUart();
    put(SCR, 0x5a);
    expect(get(SCR)).toBe(0x5a);
    put(LCR, 0x83);
    put(RBR, 0x0c);
    put(IER, 0x01);
    expect([get(RBR), get(IER), get(LCR)]).toEqual([0x0c, 0x01, 0x83]);
    put(LCR, 0x03);
    expect(get(IER)).toBe(0);
  });

  it('transmits at once and is always ready', () => {
    const { get, put, sent } = createUart();
    for (const byte of [72, 105]) put(RBR, byte);
    expect(sent).toEqual([72, 105]);
    expect(get(LSR)).toBe(0x60);
  });

  it('reports an empty holding register when the interrupt is enabled, and after every byte', () => {
    const { get, put, line } = createUart();
    put(MCR, 0x08);
    put(IER, 0x02);
    expect(line.level).toBe(true);
    expect(get(IIR)).toBe(0x02);
    expect(line.level).toBe(false);
    expect(get(IIR)).toBe(0x01);
    // The test for broken chips: off and on again must report anew.
    put(IER, 0);
    put(IER, 0x02);
    expect(get(IIR)).toBe(0x02);
    const before = line.rises;
    put(RBR, 65);
    put(RBR, 66);
    expect(line.rises).toBe(before + 2);
  });

  it('interrupts only through OUT2 and outside loopback', () => {
    const { put, line } = createUart();
    put(IER, 0x02);
    expect(line.level).toBe(false);
    put(MCR, 0x08);
    expect(line.level).toBe(true);
    put(MCR, 0x18);
    expect(line.level).toBe(false);
  });

  it('interrupts for received data at the trigger level or after a time-out', () => {
    const { time, get, put, line, type } = createUart();
    put(LCR, 0x83);
    put(RBR, 1);
    put(IER, 0);
    put(LCR, 0x03);
    put(FCR, 0x81);
    put(MCR, 0x0b);
    put(IER, 0x05);
    type('abc');
    expect(line.level).toBe(false);
    expect(get(LSR) & 1).toBe(1);
    time.advance(340_000);
    expect(line.level).toBe(false);
    time.advance(10_000);
    expect(line.level).toBe(true);
    expect(get(IIR)).toBe(0xcc);
    expect(get(RBR)).toBe(97);
    expect(get(IIR)).toBe(0xc1);
    time.advance(350_000);
    expect(get(IIR)).toBe(0xcc);
    type('defghi');
    expect(get(IIR)).toBe(0xc4);
    let text = '';
    while (get(LSR) & 1) text += String.fromCharCode(get(RBR));
    expect(text).toBe('bcdefghi');
    expect(line.level).toBe(false);
  });

  it('loses nothing typed: not for want of room, nor while the driver sets up', () => {
    const { get, put, type } = createUart();
    const text = 'The quick brown fox jumps over the lazy dog, again and again.';
    type(text.slice(0, 30));
    // What Linux does to start a port: clear the FIFOs, read every register, then enable.
    put(FCR, 0x01);
    put(FCR, 0x07);
    put(FCR, 0x00);
    get(LSR);
    get(RBR);
    get(IIR);
    get(MSR);
    put(LCR, 0x03);
    put(MCR, 0x0b);
    put(IER, 0x02);
    get(LSR);
    get(IIR);
    put(IER, 0x05);
    put(FCR, 0x81);
    type(text.slice(30));
    let seen = '';
    while (get(LSR) & 1) seen += String.fromCharCode(get(RBR));
    expect(seen).toBe(text);
  });

  it('gives a cleared FIFO back to the sender, but not what came by loopback', () => {
    const { get, put, type } = createUart();
    put(FCR, 0x01);
    put(IER, 0x01);
    type('keep');
    expect(get(LSR) & 1).toBe(1);
    put(IER, 0x00);
    put(FCR, 0x03);
    expect(get(LSR) & 1).toBe(0);
    put(MCR, 0x10);
    put(RBR, 0x55);
    put(FCR, 0x03);
    put(MCR, 0x00);
    put(IER, 0x01);
    let seen = '';
    while (get(LSR) & 1) seen += String.fromCharCode(get(RBR));
    expect(seen).toBe('keep');
  });

  it('feeds a guest that polls', () => {
    const { get, type } = createUart();
    type('xyz');
    let seen = '';
    for (let i = 0; i < 50; i++) if (get(LSR) & 1) seen += String.fromCharCode(get(RBR));
    expect(seen).toBe('xyz');
  });

  it('loses nothing to a driver that looks at the line status twice and clears the receiver', () => {
    const { get, put, type } = createUart();
    type('reboot');
    // serial8250_do_startup of Linux 6.1
    for (const fcr of [0x01, 0x07, 0x00]) put(FCR, fcr);
    for (const register of [LSR, RBR, IIR, MSR, LSR, LSR]) get(register);
    for (const ier of [0x02, 0x00]) put(IER, ier);
    for (const register of [LSR, RBR, IIR, MSR]) get(register);
    put(IER, 0x05);
    let seen = '';
    while (get(LSR) & 1) seen += String.fromCharCode(get(RBR));
    expect(seen).toBe('reboot');
  });

  it('loops back data, with overrun, and modem lines', () => {
    const { get, put, sent } = createUart();
    put(FCR, 0x01);
    put(MCR, 0x1f);
    expect(get(MSR) & 0xf0).toBe(0xf0);
    get(MSR);
    for (let i = 0; i < 17; i++) put(RBR, i);
    expect(sent).toEqual([]);
    put(IER, 0x04);
    expect(get(IIR)).toBe(0xc6);
    expect(get(LSR)).toBe(0x63);
    expect(get(LSR)).toBe(0x61);
    const bytes = Array.from({ length: 16 }, () => get(RBR));
    expect(bytes).toEqual(Array.from({ length: 16 }, (_, index) => index));
    expect(get(LSR)).toBe(0x60);
    put(FCR, 0);
    put(RBR, 1);
    put(RBR, 2);
    expect(get(LSR)).toBe(0x63);
    expect(get(RBR)).toBe(2);
  });

  it('reports changes of modem lines once', () => {
    const { get, put, line } = createUart();
    expect(get(MSR)).toBe(0xb0);
    put(MCR, 0x10);
    expect(get(MSR)).toBe(0x0b);
    put(MCR, 0x14);
    // A ring that begins is no event; one that ends is.
    expect(get(MSR)).toBe(0x40);
    put(MCR, 0x10);
    expect(get(MSR)).toBe(0x04);
    put(IER, 0x08);
    put(MCR, 0x08);
    expect(line.level).toBe(true);
    expect(get(IIR)).toBe(0x00);
    expect(get(MSR)).toBe(0xbb);
    expect(line.level).toBe(false);
  });

  it('takes large pastes', () => {
    const { get, put, uart } = createUart();
    put(FCR, 0xc1);
    put(IER, 0x01);
    const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);
    uart.receive(bytes);
    let same = true;
    for (const byte of bytes) same = get(RBR) === byte && same;
    expect(same).toBe(true);
    expect(get(LSR) & 1).toBe(0);
  });
});
