import { readFileSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type * as v86Module from 'v86';

/** What the v86 process is to boot; paths are absolute. Passed as JSON in its first argument. */
export interface V86Request {
  readonly library: string;
  readonly wasm: string;
  readonly memoryMib: number;
  readonly commandLine: string;
  readonly multiboot?: string;
  readonly kernel?: string;
  readonly ramdisk?: string;
  readonly bios?: string;
  readonly vgaBios?: string;
}

type V86Options = ConstructorParameters<typeof v86Module.V86>[0];

/** A whole file as v86 takes it: an ArrayBuffer of exactly its length. */
function load(path: string): { buffer: ArrayBuffer } {
  const bytes = readFileSync(path);
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return { buffer };
}

function optionsFor(request: V86Request): V86Options {
  return {
    wasm_path: request.wasm,
    memory_size: request.memoryMib * 1024 * 1024,
    vga_memory_size: 1024 * 1024,
    autostart: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    cmdline: request.commandLine,
    ...(request.multiboot === undefined ? {} : { multiboot: load(request.multiboot) }),
    ...(request.kernel === undefined ? {} : { bzimage: load(request.kernel) }),
    ...(request.ramdisk === undefined ? {} : { initrd: load(request.ramdisk) }),
    ...(request.bios === undefined ? {} : { bios: load(request.bios) }),
    ...(request.vgaBios === undefined ? {} : { vga_bios: load(request.vgaBios) }),
  };
}

/** Copies the guest's first serial port to standard output, a line or the start of a prompt at a time. */
function connectConsole(emulator: v86Module.V86): void {
  let pending: number[] = [];
  let isFlushQueued = false;
  const flush = (): void => {
    isFlushQueued = false;
    const bytes = Uint8Array.from(pending);
    pending = [];
    if (bytes.length > 0) writeSync(1, bytes);
    if (Buffer.from(bytes).toString('latin1') === 'DONE\n') process.exit(0);
  };
  emulator.add_listener('serial0-output-byte', (byte) => {
    pending.push(byte);
    if (byte === 0x0a) return flush();
    if (isFlushQueued) return;
    isFlushQueued = true;
    setTimeout(flush, 5);
  });
  process.stdin.setEncoding('latin1').on('data', (text: string) => emulator.serial0_send(text));
}

async function main(): Promise<void> {
  const request: V86Request = JSON.parse(process.argv[2] ?? '{}');
  const { V86 }: typeof v86Module = await import(pathToFileURL(request.library).href);
  connectConsole(new V86(optionsFor(request)));
}

if (import.meta.main) await main();
