import type { Duplex } from 'node:stream';
import { describe, expectTypeOf, it } from 'vitest';
import { createHypervisor, type Domain, type DomainConfig, type DomainEnd, type Hypervisor, HypervisorError, type HypervisorStats } from '#runtime';
import { type BackendStats, definePlugin, type ErrorCode, type Plugin } from '#sdk';

/** What must not compile stands under `@ts-expect-error`, which is an error itself as soon as it does. Nothing of it is run. */
const never = (_code: () => unknown): void => undefined;

declare const hypervisor: Hypervisor;
declare const domain: Domain;

const plugin = definePlugin({ name: 'p', apiVersion: 1, options: {} });

describe('createHypervisor', () => {
  it('takes options, all of them optional', () => {
    expectTypeOf(createHypervisor).returns.resolves.toEqualTypeOf<Hypervisor>();
    never(() => createHypervisor());
    never(() =>
      createHypervisor({ pcpus: 2, scheduler: 'credit', engine: 'auto', clock: 'host', watchdogSeconds: 5, log: (text) => expectTypeOf(text).toBeString() }),
    );
    never(() => createHypervisor({ scheduler: { name: 'bvt', options: { contextSwitchAllowanceUs: 100 } } }));
    never(() => createHypervisor({ plugins: ['./p', plugin, { name: 'q', options: { port: 5, quiet: true } }, { name: plugin, options: {} }] }));
  });

  it('refuses what is none', () => {
    // @ts-expect-error there is no such option
    never(() => createHypervisor({ cpus: 2 }));
    // @ts-expect-error it is a number
    never(() => createHypervisor({ pcpus: '2' }));
    // @ts-expect-error there is no such engine
    never(() => createHypervisor({ engine: 'fast' }));
    // @ts-expect-error a plugin is named or given
    never(() => createHypervisor({ plugins: [5] }));
    // @ts-expect-error options of plugins are plain values
    never(() => createHypervisor({ plugins: [{ name: 'q', options: { list: [1] } }] }));
    // @ts-expect-error a field that may be left out is not undefined
    never(() => createHypervisor({ pcpus: undefined }));
  });

  it('gives what is closed by itself', () => {
    expectTypeOf<Hypervisor>().toExtend<AsyncDisposable>();
    never(() => expectTypeOf(hypervisor.stats()).toEqualTypeOf<HypervisorStats>());
    never(() => expectTypeOf(hypervisor.plugins).toEqualTypeOf<readonly Plugin[]>());
    never(() => expectTypeOf(hypervisor.domain('x')).toEqualTypeOf<Domain | undefined>());
    // @ts-expect-error lists are not to be changed
    never(() => hypervisor.domains.push(domain));
    // @ts-expect-error nor is the scheduler assigned
    never(() => (hypervisor.scheduler = 'bvt'));
  });
});

describe('domains', () => {
  it('need a name and a kernel', () => {
    never(() => hypervisor.createDomain({ name: 'x', kernel: 'vmlinuz' }));
    never(() => hypervisor.createDomain({ name: 'x', kernel: new Uint8Array(), memory: 64, vcpus: 2, disk: ['file:x,xvda,w'], vif: [''] }));
    // @ts-expect-error it has no kernel
    never(() => hypervisor.createDomain({ name: 'x' }));
    // @ts-expect-error it has no name
    never(() => hypervisor.createDomain({ kernel: 'x' }));
    // @ts-expect-error memory is a number of MiB
    never(() => hypervisor.createDomain({ name: 'x', kernel: 'x', memory: '64M' }));
    // @ts-expect-error there is no such action
    never((): DomainConfig => ({ name: 'x', kernel: 'x', on_crash: 'explode' }));
  });

  it('tell what becomes of them, with types', () => {
    never(() => expectTypeOf(domain.ended).resolves.toEqualTypeOf<DomainEnd>());
    never(() => expectTypeOf(domain.console).toEqualTypeOf<Duplex>());
    never(() => expectTypeOf(domain.deviceStats).toEqualTypeOf<Readonly<Record<string, BackendStats>>>());
    never(() => hypervisor.on('domainCreated', (created) => expectTypeOf(created).toEqualTypeOf<Domain>()));
    never(() => hypervisor.on('warning', (error) => expectTypeOf(error).toEqualTypeOf<HypervisorError>()));
    // @ts-expect-error there is no such event
    never(() => hypervisor.on('rebooted', () => undefined));
    // @ts-expect-error a guest cannot be asked for that
    never(() => domain.shutdown('explode'));
    // @ts-expect-error parameters are numbers or true or false
    never(() => domain.setScheduling({ weight: 'much' }));
  });
});

describe('errors', () => {
  it('have a code, perhaps one of a plugin, and a hint', () => {
    expectTypeOf<ErrorCode>().toExtend<HypervisorError['code']>();
    never(() => new HypervisorError('HV_ERR_VBD_SIZE', 'too big', { hint: 'smaller' }));
    // @ts-expect-error a hint is a text
    never(() => new HypervisorError('HV_ERR_VBD_SIZE', 'too big', { hint: 5 }));
    // @ts-expect-error a message belongs to it
    never(() => new HypervisorError('HV_ERR_VBD_SIZE'));
  });
});
