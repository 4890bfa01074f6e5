/** Encoded ACPI machine language (ACPI specification, chapter 20). */
export type Aml = readonly number[];

function word(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

function dword(value: number): number[] {
  return [...word(value), ...word(value >>> 16)];
}

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}

/** A package with its length, which counts its own one to three bytes. */
function sized(content: Aml): number[] {
  const length = content.length;
  if (length + 1 < 0x40) return [length + 1, ...content];
  if (length + 2 < 0x1000) return [0x40 | ((length + 2) & 15), (length + 2) >> 4, ...content];
  const total = length + 3;
  return [0x80 | (total & 15), (total >> 4) & 0xff, total >> 12, ...content];
}

function segment(name: string): number[] {
  return name.startsWith('\\') ? [0x5c, ...ascii(name.slice(1).padEnd(4, '_'))] : ascii(name.padEnd(4, '_'));
}

/** Terms of the language, as far as a description of fixed hardware needs them. */
export const aml = {
  /** An integer constant, in its shortest form. */
  integer(value: number): Aml {
    if (value === 0 || value === 1) return [value];
    if (value < 0x100) return [0x0a, value];
    return value < 0x1_0000 ? [0x0b, ...word(value)] : [0x0c, ...dword(value)];
  },

  /** A device identifier such as PNP0A03, compressed as EISA wants it. */
  eisaId(id: string): Aml {
    const letters = ascii(id.slice(0, 3)).map((code) => (code - 0x40) & 31);
    const vendor = ((letters[0] ?? 0) << 10) | ((letters[1] ?? 0) << 5) | (letters[2] ?? 0);
    const product = Number.parseInt(id.slice(3), 16);
    return [0x0c, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff];
  },

  /** `Name (NAME, value)`; a leading backslash puts it into the root. */
  name(name: string, value: Aml): Aml {
    return [0x08, ...segment(name), ...value];
  },

  /** `Package () { ... }`. */
  package(elements: readonly Aml[]): Aml {
    return [0x12, ...sized([elements.length, ...elements.flat()])];
  },

  /** `Device (NAME) { ... }`. */
  device(name: string, terms: readonly Aml[]): Aml {
    return [0x5b, 0x82, ...sized([...segment(name), ...terms.flat()])];
  },

  /** `Scope (NAME) { ... }`. */
  scope(name: string, terms: readonly Aml[]): Aml {
    return [0x10, ...sized([...segment(name), ...terms.flat()])];
  },

  /** A resource template: a buffer of descriptors with its end tag. */
  resources(descriptors: readonly Aml[]): Aml {
    // A checksum of zero means that there is none.
    const bytes = [...descriptors.flat(), 0x79, 0x00];
    return [0x11, ...sized([...aml.integer(bytes.length), ...bytes])];
  },
} as const;

/** Resource descriptors (ACPI specification, chapter 6.4). */
export const resource = {
  /** Fixed I/O ports, all 16 address bits decoded. */
  io(base: number, length: number): Aml {
    return [0x47, 0x01, ...word(base), ...word(base), 0x01, length];
  },

  /** One ISA interrupt: edge, high, not shared. */
  irq(number: number): Aml {
    return [0x22, ...word(1 << number)];
  },

  /** The buses behind a bridge. */
  buses(first: number, last: number): Aml {
    return [0x88, ...word(13), 0x02, 0x0c, 0x00, ...word(0), ...word(first), ...word(last), ...word(0), ...word(last - first + 1)];
  },

  /** A range of ports that a bridge passes on. */
  ioWindow(first: number, last: number): Aml {
    return [0x88, ...word(13), 0x01, 0x0c, 0x03, ...word(0), ...word(first), ...word(last), ...word(0), ...word(last - first + 1)];
  },

  /** A range of memory that a bridge passes on. */
  memoryWindow(first: number, last: number): Aml {
    return [0x87, ...word(23), 0x00, 0x0c, 0x01, ...dword(0), ...dword(first), ...dword(last), ...dword(0), ...dword(last - first + 1)];
  },
} as const;
