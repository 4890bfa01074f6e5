import { type BackendPlugin, copyFrame, defineNetworkBackend, type NetFrame } from '#sdk';

/** A network that sends every frame back to who sent it, and keeps a copy. */
export function echoNetwork(seen: NetFrame[] = []): BackendPlugin {
  return defineNetworkBackend<object>({
    name: 'vif-echo',
    backend: 'echo',
    options: {},
    create: () => ({
      open: (vif) => ({
        receive: (frame) => {
          seen.push(copyFrame(frame));
          vif.deliver(frame);
        },
      }),
    }),
  });
}
