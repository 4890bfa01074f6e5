/* Start: bring up the console, interrupts and power, then read commands for ever. */
#include "guest.h"

enum { LOADER_MAGIC = 0x2badb002, LINE = 256 };

void guest_main(uint32_t magic, const struct multiboot_info *info) {
  static char line[LINE];
  console_init();
  if (magic != LOADER_MAGIC) {
    put_text("this guest must be started by a multiboot loader\n");
    return;
  }
  const char *cmdline = (info->flags & MULTIBOOT_CMDLINE) != 0 ? (const char *)info->cmdline : "";
  interrupt_init();
  power_init(cmdline);
  print("\nXylem: the small guest, started by %s\n", (info->flags & MULTIBOOT_LOADER) != 0 ? (const char *)info->boot_loader_name : "an unknown loader");
  print("%u KiB of RAM above 1 MiB, TSC at %u MHz; 'help' lists the commands\n", info->mem_upper, tsc_khz() / 1000);
  print("xylem: ready (small guest)\n");
  for (;;) {
    put_text("> ");
    if (read_line(line, sizeof line) > 0) run_command(line, info);
  }
}
