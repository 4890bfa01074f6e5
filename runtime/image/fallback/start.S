/* Entry by multiboot 1, and the stubs that all interrupts come through. */
.set MAGIC, 0x1badb002
.set FLAGS, 0x3

.section .multiboot, "a"
.align 4
.long MAGIC, FLAGS, -(MAGIC + FLAGS)

.text
.globl start
start:
  cli
  cld
  mov $stack_top, %esp
  push %ebx
  push %eax
  lgdt gdt_pointer
  ljmp $0x08, $1f
1:
  mov $0x10, %dx
  mov %dx, %ds
  mov %dx, %es
  mov %dx, %fs
  mov %dx, %gs
  mov %dx, %ss
  call guest_main
2:
  cli
  hlt
  jmp 2b

/* The processor pushes an error code for some exceptions; the others get a 0, so that all frames are alike. */
.altmacro
.macro stub vector
stub_\vector:
  .if (\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17)
  .else
  push $0
  .endif
  push $\vector
  jmp stub_common
.endm
.set i, 0
.rept 48
  stub %i
  .set i, i + 1
.endr

stub_common:
  pusha
  cld
  push %esp
  call trap
  add $4, %esp
  popa
  add $8, %esp
  iret

.section .rodata
.align 8
gdt:
  .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
  .word . - gdt - 1
  .long gdt

.globl stubs
.align 4
stubs:
.macro stub_address vector
  .long stub_\vector
.endm
.set i, 0
.rept 48
  stub_address %i
  .set i, i + 1
.endr

.bss
.align 16
.skip 16384
stack_top:

.section .note.GNU-stack, "", @progbits
