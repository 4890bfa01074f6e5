#!/bin/sh
# Builds the processor guest and records what QEMU's processor says: build.sh [record]. Needs nasm; record needs qemu-system-x86.
set -eu
cd "$(dirname "$0")"
nasm -f bin -o exceptions.bin exceptions.asm
[ "${1:-}" = record ] || exit 0
timeout 30 qemu-system-i386 -machine pc,accel=tcg -cpu max -m 32 -display none -no-reboot -serial stdio -kernel exceptions.bin \
  < /dev/null | tr -d '\r' > exceptions.qemu.txt
