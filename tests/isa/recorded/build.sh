#!/bin/sh
# Builds the guests that run the cases; needs nasm, ld and objcopy. The images are committed.
set -eu
cd "$(dirname "$0")"
objects=$(mktemp -d)
for name in ${1:-long protected}; do
  case $name in long) format=elf64 emulation=elf_x86_64 ;; protected) format=elf32 emulation=elf_i386 ;; esac
  nasm -f $format -o "$objects/$name.o" "$name.asm"
  ld -m $emulation --build-id=none -z noexecstack --no-warn-rwx-segments -z max-page-size=4096 -T link.ld -o "$objects/$name" "$objects/$name.o"
  objcopy --strip-all -O elf32-i386 "$objects/$name" "$name.elf"
done
rm -r "$objects"
