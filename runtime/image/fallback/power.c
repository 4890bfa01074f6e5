/* Power off and reset, by ACPI where there is ACPI. Offsets are those of the FADT in the ACPI specification. */
#include "guest.h"

enum {
  FADT_DSDT = 40, FADT_SMI_CMD = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A_CNT = 64, FADT_PM1B_CNT = 68, FADT_FLAGS = 112,
  FADT_RESET_REG = 116, FADT_RESET_VALUE = 128,
  HEADER = 36, TABLE_MAX = 1 << 20,
  RESET_REG_SUP = 1 << 10, SYSTEM_IO = 1,
  SCI_EN = 1, SLP_EN = 1 << 13
};

static uint16_t pm1a, pm1b, smi_command, reset_port;
static uint8_t acpi_enable, reset_value, sleep_type_a, sleep_type_b;

static uint32_t read32(const uint8_t *at) { return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24; }

static int checksum_is_right(const uint8_t *at, uint32_t length) {
  uint8_t sum = 0;
  while (length-- > 0) sum = (uint8_t)(sum + *at++);
  return sum == 0;
}

static const uint8_t *find_rsdp_in(uint32_t start, uint32_t end) {
  for (; start + 20 <= end; start += 16) {
    const uint8_t *at = (const uint8_t *)start;
    if (bytes_equal(at, "RSD PTR ", 8) && checksum_is_right(at, 20)) return at;
  }
  return NULL;
}

/* A table with the right signature and sum, or NULL. */
static const uint8_t *check_table(uint32_t address, const char *signature) {
  const uint8_t *at = (const uint8_t *)address;
  if (address == 0 || !bytes_equal(at, signature, 4)) return NULL;
  uint32_t length = read32(at + 4);
  return length >= HEADER && length <= TABLE_MAX && checksum_is_right(at, length) ? at : NULL;
}

static const uint8_t *find_fadt(void) {
  uint16_t ebda;
  __asm__("movw 0x40e, %0" : "=r"(ebda)); /* the BIOS data area, if there was a BIOS */
  const uint8_t *rsdp = find_rsdp_in(0xe0000, 0x100000);
  if (rsdp == NULL && ebda >= 0x8000) rsdp = find_rsdp_in((uint32_t)ebda << 4, ((uint32_t)ebda << 4) + 1024);
  if (rsdp == NULL) return NULL;
  int extended = rsdp[15] >= 2 && read32(rsdp + 24) != 0 && read32(rsdp + 28) == 0;
  const uint8_t *root = extended ? check_table(read32(rsdp + 24), "XSDT") : check_table(read32(rsdp + 16), "RSDT");
  if (root == NULL) return NULL;
  uint32_t step = extended ? 8 : 4, length = read32(root + 4);
  for (uint32_t at = HEADER; at + step <= length; at += step) {
    if (extended && read32(root + at + 4) != 0) continue;
    const uint8_t *table = check_table(read32(root + at), "FACP");
    if (table != NULL) return table;
  }
  return NULL;
}

/* One integer of an AML package; only the encodings that fit a sleep type. */
static const uint8_t *read_aml_byte(const uint8_t *at, uint8_t *value) {
  if (*at == 0x0a) at++; /* BytePrefix; else it is ZeroOp or OneOp, which are their own values */
  *value = *at;
  return at + 1;
}

/* Finds Name (_S5, Package (...) {a, b, ...}) in the DSDT without interpreting it. */
static void read_sleep_types(uint32_t dsdt_address) {
  const uint8_t *dsdt = check_table(dsdt_address, "DSDT");
  if (dsdt == NULL) return;
  for (const uint8_t *at = dsdt + HEADER, *end = dsdt + read32(dsdt + 4) - 12; at < end; at++) {
    if (!bytes_equal(at, "_S5_", 4) || at[4] != 0x12) continue;
    const uint8_t *value = at + 5 + 1 + (at[5] >> 6) + 1; /* PkgLength, then the number of elements */
    value = read_aml_byte(value, &sleep_type_a);
    read_aml_byte(value, &sleep_type_b);
    return;
  }
}

/* The command line's pm1a= (port of the control register) and slp= (sleep type) go before what ACPI says. */
void power_init(const char *cmdline) {
  const uint8_t *fadt = find_fadt();
  uint32_t value;
  if (fadt != NULL) {
    pm1a = (uint16_t)read32(fadt + FADT_PM1A_CNT);
    pm1b = (uint16_t)read32(fadt + FADT_PM1B_CNT);
    smi_command = (uint16_t)read32(fadt + FADT_SMI_CMD);
    acpi_enable = fadt[FADT_ACPI_ENABLE];
    read_sleep_types(read32(fadt + FADT_DSDT));
    int has_reset = read32(fadt + 4) > FADT_RESET_VALUE && (read32(fadt + FADT_FLAGS) & RESET_REG_SUP) != 0;
    if (has_reset && fadt[FADT_RESET_REG] == SYSTEM_IO) {
      reset_port = (uint16_t)read32(fadt + FADT_RESET_REG + 4);
      reset_value = fadt[FADT_RESET_VALUE];
    }
  }
  const char *option = find_option(cmdline, "pm1a");
  if (option != NULL && parse_number(option, &value) != NULL) {
    pm1a = (uint16_t)value;
    pm1b = 0;
    smi_command = 0;
  }
  option = find_option(cmdline, "slp");
  if (option != NULL && parse_number(option, &value) != NULL) sleep_type_a = sleep_type_b = (uint8_t)value;
}

static void sleep(uint16_t port, uint8_t type) {
  if (port == 0) return;
  uint16_t kept = in16(port) & (uint16_t)~(7 << 10 | SLP_EN);
  out16(port, (uint16_t)(kept | (type & 7) << 10 | SLP_EN));
}

static void wait_a_second(void) {
  for (uint32_t end = ticks() + TICKS_PER_SECOND; (int32_t)(end - ticks()) > 0;) __asm__ volatile("hlt");
}

void power_off(void) {
  if (pm1a == 0) {
    put_text("there is no ACPI here; say pm1a=PORT on the command line\n");
    return;
  }
  if ((in16(pm1a) & SCI_EN) == 0 && smi_command != 0) {
    out8(smi_command, acpi_enable);
    for (uint32_t end = ticks() + TICKS_PER_SECOND; (in16(pm1a) & SCI_EN) == 0 && (int32_t)(end - ticks()) > 0;) __asm__ volatile("hlt");
  }
  sleep(pm1a, sleep_type_a);
  sleep(pm1b, sleep_type_b);
  wait_a_second();
  put_text("the machine did not turn off\n");
}

void restart(void) {
  static const struct { uint16_t limit; uint32_t base; } __attribute__((packed)) nothing = { 0, 0 };
  if (reset_port != 0) out8(reset_port, reset_value);
  out8(0x64, 0xfe); /* the keyboard controller's reset line */
  out8(0xcf9, 0x06);
  /* Without a descriptor table the breakpoint becomes a triple fault. */
  __asm__ volatile("lidt %0; int3" : : "m"(nothing));
}
