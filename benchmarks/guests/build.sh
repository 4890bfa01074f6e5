#!/bin/sh
# Builds the benchmark guests: build.sh images | native OUTPUT-DIRECTORY
#   images   multiboot 1 images into images/ (needs gcc with 32-bit support, nasm, objcopy); committed
#   native   the same cases as Linux programs bench-native-{i386,amd64} (needs gcc only)
set -eu
cd "$(dirname "$0")"
CC=${CC:-gcc}
COMMON="-O2 -std=gnu11 -ffreestanding -nostdlib -static -fno-pic -fno-pie -fno-stack-protector \
 -fno-asynchronous-unwind-tables -fno-tree-vectorize -fno-tree-loop-distribute-patterns -fcf-protection=none \
 -Wall -Wextra -Wno-unused-function"
CASES="main cases/integer cases/hash cases/x87 cases/sse-scalar cases/sse-packed cases/control cases/calls cases/memory cases/smc"
LINK="-nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments"

machine_flags() { # architecture
  case $1 in
    i386) echo "-m32 -march=i686" ;;
    amd64) echo "-m64 -mno-red-zone -mcmodel=small" ;;
  esac
}

unit_flags() { # unit
  case $1 in
    cases/x87) echo "-mfpmath=387" ;;
    cases/sse-*) echo "-msse2 -mfpmath=sse" ;;
  esac
}

compile() { # architecture, object directory, units...
  arch=$1 objects=$2
  shift 2
  for unit in "$@"; do
    # shellcheck disable=SC2046,SC2086
    $CC $COMMON $(machine_flags "$arch") $(unit_flags "$unit") -c "$unit.c" -o "$objects/$(basename "$unit").o"
  done
}

build_image() { # architecture
  objects=$(mktemp -d)
  case $1 in i386) format=elf32 ;; amd64) format=elf64 ;; esac
  # shellcheck disable=SC2086
  compile "$1" "$objects" $CASES cases/system boot/machine boot/memory-functions
  nasm -f $format -o "$objects/entry.o" "boot/$1.asm"
  # shellcheck disable=SC2046,SC2086
  $CC $(machine_flags "$1") $LINK -Wl,-T,link.ld -Wl,-z,max-page-size=4096 -o "$objects/image" "$objects"/*.o
  # Multiboot 1 loaders take 32-bit ELF only, whatever the code inside is.
  objcopy --strip-all -O elf32-i386 "$objects/image" "images/bench-$1.elf"
  rm -r "$objects"
}

build_native() { # architecture, output directory
  objects=$(mktemp -d)
  # shellcheck disable=SC2086
  compile "$1" "$objects" $CASES boot/native boot/memory-functions
  # -N leaves one segment that is readable, writable and executable, for the self-modifying case.
  # shellcheck disable=SC2046,SC2086
  $CC $(machine_flags "$1") $LINK -Wl,-N -o "$objects/program" "$objects"/*.o
  mv "$objects/program" "$2/bench-native-$1"
  rm -r "$objects"
}

case ${1:-} in
  images)
    mkdir -p images
    for arch in i386 amd64; do build_image $arch; done
    ;;
  native)
    mkdir -p "$2"
    failed=0
    for arch in i386 amd64; do build_native $arch "$2" || failed=1; done
    exit $failed
    ;;
  *)
    echo "usage: build.sh images | native OUTPUT-DIRECTORY" >&2
    exit 2
    ;;
esac
