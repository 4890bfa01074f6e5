import { describe, expect, it } from 'vitest';
import * as L from '#jit/layout';
import { Errno, Hypercall, HvmOp, HvmParam, SchedOp, VcpuOp, XenVersion } from '#sdk';
import { Vcpu } from '../../../../runtime/memory/domain-tables.ts';
import { fields, HypercallBench, NUMBERS, SCRATCH } from './hypercall-bench.ts';

const SELF = 0x7ff0;
const layouts = [
  ['64-bit', true],
  ['32-bit', false],
] as const;

describe.each(layouts)('hypercalls of %s callers', (_name, wide) => {
  const long = wide ? 8 : 4;

  it('are refused to user code, unknown ones to all', () => {
    const bench = new HypercallBench(wide);
    expect(bench.call(1)).toBe(-Errno.ENOSYS);
    expect(bench.call(0xffffffff)).toBe(-Errno.ENOSYS);
    for (const number of NUMBERS) if (number !== Hypercall.set_timer_op) expect(bench.call(number, 63, 0)).toBeLessThan(0);
    bench.view.setUint32(L.CPL, 3, true);
    expect(bench.call(Hypercall.xen_version, 0)).toBe(-Errno.EPERM);
  });

  it('fail with EFAULT where a structure is not mapped', () => {
    const bench = new HypercallBench(wide);
    bench.isMapped = false;
    const calls = [
      [Hypercall.memory_op, 7],
      [Hypercall.xen_version, 6],
      [Hypercall.sched_op, 2],
      [Hypercall.sched_op, 3],
      [Hypercall.event_channel_op, 4],
      [Hypercall.hvm_op, 1],
    ] as const;
    for (const [number, command] of calls) expect(bench.call(number, command, SCRATCH)).toBe(-Errno.EFAULT);
    expect(bench.call(Hypercall.grant_table_op, 6, SCRATCH, 1)).toBe(-Errno.EFAULT);
    expect(bench.call(Hypercall.vcpu_op, 10, 0, SCRATCH)).toBe(-Errno.EFAULT);
    expect(bench.call(Hypercall.console_io, 0, 5, SCRATCH)).toBe(-Errno.EFAULT);
  });

  it('xen_version: version, texts, features, handle', () => {
    const bench = new HypercallBench(wide);
    const { xen_version } = Hypercall;
    expect(bench.call(xen_version, XenVersion.XENVER_version)).toBe(0x40011);
    expect(bench.call(xen_version, XenVersion.XENVER_pagesize)).toBe(4096);
    const { view } = bench.struct(xen_version, XenVersion.XENVER_get_features, fields([4, 0], [4, 0]));
    expect(view.getUint32(4, true) & 0x304).toBe(0x304);
    expect(bench.struct(xen_version, XenVersion.XENVER_get_features, fields([4, 1], [4, 9])).view.getUint32(4, true)).toBe(0);
    expect(bench.struct(xen_version, XenVersion.XENVER_guest_handle, new Uint8Array(16)).view.getUint8(15)).toBe(15);
    const capabilities = bench.struct(xen_version, XenVersion.XENVER_capabilities, new Uint8Array(1024));
    expect(new TextDecoder().decode(capabilities.view)).toMatch(/^hvm-3\.0-x86_32 .*x86_64 \0/);
    expect(bench.call(xen_version, XenVersion.XENVER_build_id, SCRATCH)).toBe(-Errno.ENODATA);
  });

  it('memory_op: pages of the hypervisor among the guest’s', () => {
    const bench = new HypercallBench(wide);
    const add = (space: number, index: number, gfn: number, domid = SELF) =>
      bench.struct(Hypercall.memory_op, 7, fields([2, domid], [2, 0], [4, space], [long, index], [long, gfn])).result;
    expect(add(0, 0, 0x10)).toBe(0);
    expect(bench.state.physmap.sharedInfo).toBe(0x10000);
    expect(add(1, 2, 0x17fff)).toBe(0);
    expect(bench.state.grants.frames).toBe(3);
    expect([add(1, 64, 0x17fff), add(0, 1, 0x10), add(2, 0, 0x10), add(0, 0, 0x10, 7)]).toEqual([
      -Errno.EINVAL,
      -Errno.EINVAL,
      -Errno.EOPNOTSUPP,
      -Errno.ESRCH,
    ]);
    expect(bench.struct(Hypercall.memory_op, 15, fields([2, SELF], [2, 0], ...padTo(long), [long, 0x17fff])).result).toBe(0);
    expect(bench.state.physmap.address(0x17fff)).toBe(-1);
  });

  it('memory_op: memory given back and taken again, and the memory map', () => {
    const bench = new HypercallBench(wide);
    const list = SCRATCH + 0x100;
    bench.state.ram.bytes.set(fields([long, 0x60], [long, 0x61], [long, 0xa5]), list);
    const request = fields([long, list], [long, 3], [4, 0], [4, 0], [2, SELF], ...padTo(long));
    expect(bench.struct(Hypercall.memory_op, 1, request).result).toBe(2);
    expect(bench.call(Hypercall.memory_op, 3, SCRATCH)).toBe(510);
    expect(bench.struct(Hypercall.memory_op, 6, request).result).toBe(2);
    expect(bench.call(Hypercall.memory_op, 3, SCRATCH)).toBe(512);
    const map = bench.struct(Hypercall.memory_op, 9, wide ? fields([4, 8], [4, 0], [8, list]) : fields([4, 8], [4, list]));
    expect([map.result, map.view.getUint32(0, true)]).toEqual([0, 2]);
    expect([bench.state.ram.view.getUint32(list + 20, true), bench.state.ram.view.getUint32(list + 36, true)]).toEqual([0x100000, 1]);
    expect(bench.struct(Hypercall.memory_op, 9, fields([4, 1], [4, 0], [8, list])).result).toBe(-Errno.EINVAL);
  });

  it('sched_op: give way, wait, poll, end', () => {
    const bench = new HypercallBench(wide);
    const { sched_op } = Hypercall;
    expect([bench.call(sched_op, SchedOp.SCHEDOP_yield), bench.call(sched_op, SchedOp.SCHEDOP_block)]).toEqual([0, 0]);
    expect(bench.struct(sched_op, SchedOp.SCHEDOP_shutdown, fields([4, 1])).result).toBe(0);
    expect(bench.struct(sched_op, SchedOp.SCHEDOP_shutdown, fields([4, 6])).result).toBe(-Errno.EINVAL);
    expect(bench.events).toEqual(['yield', 'shutdown 1']);
    const port = bench.state.events.bindIpi(0);
    bench.state.ram.view.setUint32(SCRATCH + 0x100, port, true);
    const poll = (count: number) => bench.struct(sched_op, SchedOp.SCHEDOP_poll, pollStruct(long, count)).result;
    expect([poll(1), poll(129)]).toEqual([0, -Errno.EINVAL]);
    expect(bench.waits).toEqual([{ kind: 'block' }, { kind: 'poll', ports: [port], timeoutNs: 777 }]);
    bench.state.events.send(port);
    expect([poll(1), bench.waits.length]).toEqual([0, 2]);
    expect(bench.call(sched_op, SchedOp.SCHEDOP_pin_override, SCRATCH)).toBe(-Errno.ENOSYS);
  });

  it('sched_op: two watchdogs', () => {
    const bench = new HypercallBench(wide);
    const watchdog = (id: number, seconds: number) => bench.struct(Hypercall.sched_op, SchedOp.SCHEDOP_watchdog, fields([4, id], [4, seconds])).result;
    expect([watchdog(0, 10), watchdog(0, 20), watchdog(0, 30)]).toEqual([1, 2, -Errno.ENOSPC]);
    expect([watchdog(1, 0), watchdog(1, 5), watchdog(0, 40), watchdog(9, 1)]).toEqual([0, -Errno.EINVAL, 1, -Errno.EINVAL]);
    expect([...bench.watchdogs]).toEqual([
      [2, 20],
      [1, 40],
    ]);
  });

  it('vcpu_op: timers, places, runstate', () => {
    const bench = new HypercallBench(wide);
    const { vcpu_op } = Hypercall;
    const at = (command: number, vcpu: number, struct: Uint8Array = new Uint8Array()) => {
      bench.state.ram.bytes.set(struct, SCRATCH);
      return bench.call(vcpu_op, command, vcpu, SCRATCH);
    };
    expect(at(VcpuOp.VCPUOP_set_singleshot_timer, 0, fields([8, 9000], [4, 1]))).toBe(0);
    expect(at(VcpuOp.VCPUOP_set_singleshot_timer, 0, fields([8, 10], [4, 1]))).toBe(-Errno.ETIME);
    expect(at(VcpuOp.VCPUOP_set_singleshot_timer, 1, fields([8, 9000], [4, 0]))).toBe(-Errno.EINVAL);
    expect([at(VcpuOp.VCPUOP_stop_singleshot_timer, 0), at(VcpuOp.VCPUOP_stop_periodic_timer, 0), at(0, 9)]).toEqual([0, 0, -Errno.ENOENT]);
    expect(bench.events).toEqual(['singleshot 9000', 'stop singleshot', 'stop periodic']);
    expect(at(VcpuOp.VCPUOP_register_runstate_memory_area, 0, fields([8, SCRATCH + 0x200]))).toBe(0);
    expect(bench.state.ram.view.getBigUint64(SCRATCH + 0x200 + long, true)).toBe(5000n);
    expect(at(VcpuOp.VCPUOP_register_vcpu_info, 0, fields([8, 0x45], [4, 0x40], [4, 0]))).toBe(0);
    expect(bench.state.tables.vcpu(0, Vcpu.INFO)).toBe(0x45040);
    expect([bench.state.ram.bytes[0x45040], bench.state.upcall.infoOf(0)]).toEqual([1, 0x45040]);
    expect(at(VcpuOp.VCPUOP_register_vcpu_info, 0, fields([8, 0x45], [4, 0x40], [4, 0]))).toBe(-Errno.EINVAL);
    expect(at(VcpuOp.VCPUOP_register_vcpu_info, 1, fields([8, 0x45], [4, 4090], [4, 0]))).toBe(-Errno.EINVAL);
    expect(at(VcpuOp.VCPUOP_register_vcpu_info, 1, fields([8, -1], [4, 0], [4, 0]))).toBe(-Errno.EINVAL);
  });

  it('event_channel_op: ports in, ports out', () => {
    const bench = new HypercallBench(wide);
    const op = (command: number, struct: Uint8Array) => bench.struct(Hypercall.event_channel_op, command, struct);
    expect(op(6, fields([2, SELF], [2, 0], [4, 0])).view.getUint32(4, true)).toBe(1);
    expect(op(6, fields([2, 3], [2, 0], [4, 0])).result).toBe(-Errno.EPERM);
    expect(op(7, fields([4, 1], [4, 0])).view.getUint32(4, true)).toBe(2);
    expect(op(1, fields([4, 0], [4, 0], [4, 0])).view.getUint32(8, true)).toBe(3);
    const status = op(5, fields([2, SELF], [2, 0], [4, 2], [4, 0], [4, 0], [8, 0])).view;
    expect([status.getUint32(8, true), status.getUint32(12, true)]).toEqual([5, 1]);
    expect([op(4, fields([4, 2])).result, op(9, fields([4, 2])).result, op(3, fields([4, 2])).result, op(4, fields([4, 2])).result]).toEqual([
      0,
      0,
      0,
      -Errno.EINVAL,
    ]);
    expect(op(11, fields([8, 0x20], [4, 0], [4, 0], [8, 0])).view.getUint8(16)).toBe(17);
    expect([op(12, fields([8, 0x21])).result, op(13, fields([4, 3], [4, 2])).result, op(2, fields([4, 1])).result]).toEqual([0, 0, -Errno.ENOSYS]);
  });

  it('grant_table_op: sizes and versions, an array at a time', () => {
    const bench = new HypercallBench(wide);
    const { result, view } = bench.struct(
      Hypercall.grant_table_op,
      6,
      fields([2, SELF], [2, 0], [4, 0], [4, 0], [4, 9], [2, 9], [2, 0], [4, 0], [4, 0], [4, 0]),
      2,
    );
    expect([result, view.getUint32(4, true), view.getUint32(8, true), view.getInt16(12, true), view.getInt16(28, true)]).toEqual([0, 1, 64, 0, -8]);
    const version = (number: number) => bench.struct(Hypercall.grant_table_op, 8, fields([4, number])).result;
    expect([version(1), version(2), version(3)]).toEqual([0, -Errno.ENOSYS, -Errno.EINVAL]);
    const map = bench.struct(Hypercall.grant_table_op, 0, fields([8, 0], [4, 2], [4, 1], [2, 0], [2, 0], [4, 0], [8, 0]));
    expect([map.result, map.view.getInt16(18, true)]).toEqual([0, -1]);
    const setup = bench.struct(Hypercall.grant_table_op, 2, fields([2, SELF], [2, 0], [4, 2], [4, 0], ...padTo(long), [long, SCRATCH + 0x200]));
    expect([setup.result, setup.view.getInt16(8, true), bench.state.grants.frames]).toEqual([0, 0, 2]);
    expect(bench.call(Hypercall.grant_table_op, 6, SCRATCH, 5000)).toBe(-Errno.EINVAL);
  });

  it('grant_table_op: a copy within the domain', () => {
    const bench = new HypercallBench(wide);
    bench.state.ram.bytes.set([5, 6, 7], 0x70000 + 10);
    const end = (gfn: number, offset: number) => [[long, gfn], [2, SELF], [2, offset], ...padTo(long)] as const;
    const { view } = bench.struct(Hypercall.grant_table_op, 5, fields(...end(0x70, 10), ...end(0x71, 20), [2, 3], [2, 0], [4, 99]));
    expect(view.getInt16(long * 4 + 4, true)).toBe(0);
    expect([...bench.state.ram.bytes.subarray(0x71000 + 20, 0x71000 + 23)]).toEqual([5, 6, 7]);
  });

  it('hvm_op: parameters', () => {
    const bench = new HypercallBench(wide);
    bench.state.tables.params[HvmParam.HVM_PARAM_STORE_PFN] = 0xfeffcn;
    const param = (command: number, index: number, value: bigint, domid = SELF) =>
      bench.struct(Hypercall.hvm_op, command, fields([2, domid], [2, 0], [4, index], [8, value]));
    expect(param(HvmOp.HVMOP_get_param, HvmParam.HVM_PARAM_STORE_PFN, 0n).view.getBigUint64(8, true)).toBe(0xfeffcn);
    expect(param(HvmOp.HVMOP_set_param, HvmParam.HVM_PARAM_CALLBACK_IRQ, (2n << 56n) | 0xf3n).result).toBe(0);
    expect(bench.events).toEqual([`layout ${wide ? 64 : 32}`]);
    expect(param(HvmOp.HVMOP_set_param, HvmParam.HVM_PARAM_STORE_PFN, 1n).result).toBe(-Errno.EPERM);
    expect(param(HvmOp.HVMOP_get_param, 99, 0n).result).toBe(-Errno.EINVAL);
    expect(param(HvmOp.HVMOP_get_param, HvmParam.HVM_PARAM_STORE_PFN, 0n, 3).result).toBe(-Errno.EPERM);
    expect(bench.struct(Hypercall.hvm_op, HvmOp.HVMOP_set_evtchn_upcall_vector, fields([4, 1], [4, 0xf3])).result).toBe(0);
    expect(bench.state.tables.vcpu(1, Vcpu.UPCALL_VECTOR)).toBe(0xf3);
    expect(bench.struct(Hypercall.hvm_op, HvmOp.HVMOP_set_evtchn_upcall_vector, fields([4, 1], [4, 3])).result).toBe(-Errno.EINVAL);
    expect(bench.call(Hypercall.hvm_op, HvmOp.HVMOP_pagetable_dying, SCRATCH)).toBe(-Errno.EINVAL);
  });

  it('console_io and vm_assist', () => {
    const bench = new HypercallBench(wide);
    bench.state.ram.bytes.set(new TextEncoder().encode('hello'), SCRATCH);
    expect(bench.call(Hypercall.console_io, 0, 5, SCRATCH)).toBe(0);
    expect(new TextDecoder().decode(Uint8Array.from(bench.written))).toBe('hello');
    expect(bench.call(Hypercall.console_io, 0, 0xffffffff, SCRATCH)).toBe(-Errno.EINVAL);
    expect([bench.call(Hypercall.vm_assist, 0, 5), bench.vcpu.runstate.updateFlag, bench.call(Hypercall.vm_assist, 0, 1)]).toEqual([0, true, -Errno.EINVAL]);
  });
});

describe('any registers whatever', () => {
  it.each(layouts)('never throw and never touch memory outside the domain (%s)', (_name, wide) => {
    const bench = new HypercallBench(wide);
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let i = 0; i < 20_000; i++) {
      for (let at = 0; at < 64; at += 4) bench.state.ram.words[(SCRATCH + at) >> 2] = random(3) === 0 ? random(2 ** 32) : random(80);
      const pointer = random(10) === 0 ? random(2 ** 32) : SCRATCH;
      const second = random(2) === 0 ? pointer : random(3);
      const number = NUMBERS[random(NUMBERS.length)] ?? 0;
      // Resets and shutdowns are left out: nothing is left after them to be tested.
      const command = random(26);
      if (number === Hypercall.event_channel_op && command === 10) continue;
      const result = bench.call(number, command, second, pointer, random(4));
      expect(Number.isInteger(result)).toBe(true);
    }
    expect(bench.state.physmap.populated).toBeLessThanOrEqual(512);
  });
});

/** A poll of ports at SCRATCH + 0x100 until 777. */
function pollStruct(long: number, count: number): Uint8Array {
  return long === 8 ? fields([8, SCRATCH + 0x100], [4, count], [4, 0], [8, 777]) : fields([4, SCRATCH + 0x100], [4, count], [8, 777]);
}

/** Padding that 64-bit structures have and 32-bit ones have not. */
function padTo(long: number): (readonly [4, 0])[] {
  return long === 8 ? [[4, 0]] : [];
}
