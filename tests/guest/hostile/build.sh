#!/bin/sh
# Builds the hostile guests into images/, which are committed. Needs gcc with 32-bit support, nasm and objcopy.
set -eu
cd "$(dirname "$0")"
COMMON="-O2 -std=gnu11 -ffreestanding -nostdlib -static -fno-pic -fno-pie -fno-stack-protector -mno-sse -mno-mmx \
 -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fcf-protection=none -Wall -Wextra"
LINK="-nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -Wl,-T,link.ld"
for arch in i386 amd64; do
  case $arch in
    i386) machine="-m32 -march=i686" format=elf32 ;;
    amd64) machine="-m64 -mno-red-zone -mcmodel=small" format=elf64 ;;
  esac
  objects=$(mktemp -d)
  for unit in main random hypercalls store device block net rings; do
    # shellcheck disable=SC2086
    ${CC:-gcc} $COMMON $machine -c "$unit.c" -o "$objects/$unit.o"
  done
  nasm -f $format -o "$objects/entry.o" "entry-$arch.asm"
  # shellcheck disable=SC2086
  ${CC:-gcc} $machine $LINK -o "$objects/image" "$objects"/*.o
  objcopy --strip-all "$objects/image" "images/hostile-$arch.elf"
  rm -r "$objects"
done
