import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acpiLayout } from '../../../../runtime/platform/e820.ts';
import { createTestPc } from './fixtures.ts';

const memory = new Uint8Array(0x10_0000);
for (const block of createTestPc({ processors: 2 }).pc.systemTables()) memory.set(block.bytes, block.address);
const view = new DataView(memory.buffer);

const text = (address: number, length: number): string => String.fromCharCode(...memory.subarray(address, address + length));
const sum = (address: number, length: number): number => memory.subarray(address, address + length).reduce((total, byte) => total + byte, 0) & 0xff;
const length = (address: number): number => view.getUint32(address + 4, true);
const xsdt = (): number => view.getUint32(acpiLayout.pointer + 24, true);
const tables = (): number[] => Array.from({ length: (length(xsdt()) - 36) / 8 }, (_, index) => view.getUint32(xsdt() + 36 + 8 * index, true));
const find = (signature: string): number => tables().find((address) => text(address, 4) === signature) ?? 0;
const dsdt = (): number => view.getUint32(find('FACP') + 40, true);

describe('ACPI tables', () => {
  it('are found and summed from the root pointer on', () => {
    const rsdp = acpiLayout.pointer;
    expect(text(rsdp, 8)).toBe('RSD PTR ');
    expect([sum(rsdp, 20), sum(rsdp, 36)]).toEqual([0, 0]);
    const rsdt = view.getUint32(rsdp + 16, true);
    const all = [rsdt, xsdt(), dsdt(), ...tables()];
    expect(all.map((address) => text(address, 4))).toEqual(['RSDT', 'XSDT', 'DSDT', 'FACP', 'APIC']);
    for (const address of all) expect(sum(address, length(address))).toBe(0);
    expect([view.getUint32(rsdt + 36, true), view.getUint32(rsdt + 40, true)]).toEqual(tables());
  });

  it('have the FACS at a 64-byte boundary', () => {
    const facs = view.getUint32(find('FACP') + 36, true);
    expect(facs % 64).toBe(0);
    expect(text(facs, 4)).toBe('FACS');
    expect(length(facs)).toBe(64);
  });

  it('name the registers that the platform has', () => {
    const fadt = find('FACP');
    const word = (offset: number): number => view.getUint16(fadt + offset, true);
    const dword = (offset: number): number => view.getUint32(fadt + offset, true);
    expect({ sci: word(46), smi: dword(48), enable: memory[fadt + 52], event: dword(56), control: dword(64), timer: dword(76) }).toEqual({
      sci: 9,
      smi: 0xb2,
      enable: 0xf1,
      event: 0x600,
      control: 0x604,
      timer: 0x608,
    });
    expect({ space: memory[fadt + 116], port: dword(120), value: memory[fadt + 128] }).toEqual({ space: 1, port: 0xcf9, value: 6 });
    expect([dword(152), dword(176), dword(212)]).toEqual([0x600, 0x604, 0x608]);
  });

  it('list processors, the I/O APIC and the overrides', () => {
    const madt = find('APIC');
    const entries: number[][] = [];
    for (let at = madt + 44; at < madt + length(madt); at += memory[at + 1] ?? 1) entries.push([...memory.subarray(at, at + (memory[at + 1] ?? 1))]);
    expect(entries.map((entry) => entry[0])).toEqual([0, 0, 1, 2, 2, 2, 2, 4]);
    expect(entries[1]).toEqual([0, 8, 1, 1, 1, 0, 0, 0]);
    expect(entries[2]).toEqual([1, 12, 2, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
    expect(entries[3]).toEqual([2, 10, 0, 0, 2, 0, 0, 0, 0, 0]);
    expect(entries[4]).toEqual([2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0]);
  });

  it('come with a BIOS data area', () => {
    expect([0x400, 0x402, 0x404, 0x406].map((address) => view.getUint16(address, true))).toEqual([0x3f8, 0x2f8, 0x3e8, 0x2e8]);
    expect(view.getUint16(0x413, true)).toBe(639);
    expect(view.getUint16(0x40e, true) * 16).toBe(0x9_fc00);
  });
});

const compiler = spawnSync('iasl', ['-v']).error === undefined;

describe.runIf(compiler)('DSDT by the reference disassembler', () => {
  const folder = mkdtempSync(join(tmpdir(), 'xylem-acpi-'));
  let source = '';

  beforeAll(() => {
    for (const signature of ['DSDT', 'FACP', 'APIC']) {
      const address = signature === 'DSDT' ? dsdt() : find(signature);
      writeFileSync(join(folder, `${signature}.aml`), memory.subarray(address, address + length(address)));
      execFileSync('iasl', ['-d', `${signature}.aml`], { cwd: folder, stdio: 'pipe' });
    }
    source = readFileSync(join(folder, 'DSDT.dsl'), 'utf8');
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it('is understood and compiles again without a warning', () => {
    const result = spawnSync('iasl', ['DSDT.dsl'], { cwd: folder, encoding: 'utf8' });
    expect(result.stdout).toMatch(/Compilation successful. 0 Errors, 0 Warnings/);
  });

  it('describes the devices', () => {
    const ids = [...source.matchAll(/EisaId \("(\w+)"\)/g)].map((match) => match[1]);
    expect(ids).toEqual(['PNP0A03', 'PNP0501', 'PNP0501', 'PNP0B00', 'PNP0303', 'PNP0C02']);
    expect(source).toMatch(/Name \(\\_S5/);
    expect(source).toMatch(/0x03F8,\s+\/\/ Range Minimum[\s\S]*?IRQNoFlags \(\)\s+\{4\}/);
    expect(source.match(/0x001FFFFF/g)).toHaveLength(4);
  });

  it('leaves no field of the fixed tables that the disassembler complains of', () => {
    for (const signature of ['FACP', 'APIC']) expect(readFileSync(join(folder, `${signature}.dsl`), 'utf8')).not.toMatch(/\*\*\*|Invalid|should be/i);
  });
});
