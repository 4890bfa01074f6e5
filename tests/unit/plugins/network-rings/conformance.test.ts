import { describe, expect, it } from 'vitest';
import { networkBackendSuite, type NetworkBackendSubject } from '#sdk';
import { switchDefaults } from '../../../../plugins/vif-switch/options.ts';
import { vifSwitch } from '../../../../plugins/vif-switch/index.ts';
import { vifUser } from '../../../../plugins/vif-user/index.ts';
import { userDefaults } from '../../../../plugins/vif-user/options.ts';
import { arpRequest } from '../vif-user/packets.ts';
import { echoNetwork } from './echo-network.ts';

/** An ARP request for the gateway, which answers it. */
const arpProbe: NonNullable<NetworkBackendSubject<object>['probe']> = (mac) => ({
  frame: arpRequest(mac, '10.0.2.15', '10.0.2.2'),
  isAnswer: ({ bytes }) => bytes[12] === 8 && bytes[13] === 6 && bytes[21] === 2,
});

const subjects = {
  'a network that echoes': {
    plugin: echoNetwork(),
    options: {},
    probe: (mac: Uint8Array) => {
      const frame = Uint8Array.from({ length: 1000 }, (_, i) => (i >= 6 && i < 12 ? (mac[i - 6] as number) : i < 6 ? 0xff : i & 0xff));
      return { frame, isAnswer: ({ bytes }: { bytes: Uint8Array }) => Buffer.from(bytes).equals(frame) };
    },
  } satisfies NetworkBackendSubject<object>,
  'vif-switch': { plugin: vifSwitch, options: switchDefaults } as unknown as NetworkBackendSubject<object>,
  'vif-user': { plugin: vifUser, options: { ...userDefaults, restrict: true }, probe: arpProbe } as unknown as NetworkBackendSubject<object>,
};

describe.each(Object.entries(subjects))('%s', (_name, subject) => {
  it.each(networkBackendSuite(subject).map((one) => [one.id, one.title, one] as const))('%s: %s', async (_id, _title, { run }) => {
    expect(await run()).not.toBe('');
  });
});
