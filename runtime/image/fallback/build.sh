#!/bin/sh
# Builds guest.elf, the small guest for hosts on which no Debian guest can be fetched.
# Needs gcc with -m32 (no 32-bit libraries) and binutils. The same tools give the same bytes.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags="-m32 -march=i586 -Os -std=gnu11 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-builtin
  -fno-asynchronous-unwind-tables -fno-strict-aliasing -mgeneral-regs-only -fcf-protection=none
  -Wall -Wextra -Werror -Wno-array-bounds"
for source in start.S main.c commands.c console.c interrupt.c power.c text.c; do
  # shellcheck disable=SC2086 # the flags are words
  gcc $flags -c "$source" -o "$work/${source%.*}.o"
done
ld -m elf_i386 -T link.ld --build-id=none -z noexecstack --no-warn-rwx-segments -o "$work/guest.elf" \
  "$work/start.o" "$work/main.o" "$work/commands.o" "$work/console.o" "$work/interrupt.o" "$work/power.o" "$work/text.o"
strip -s "$work/guest.elf"
mv "$work/guest.elf" guest.elf
chmod 644 guest.elf
ls -l guest.elf
