import { QUOTA_NAMES, type XenStoreQuotas } from '../tree/quota.ts';
import { leadingNumber, OK, onlyString, type RequestContext, type RequestHandler } from './request-handler.ts';
import { domainPath } from '../tree/store-path.ts';
import { XenStoreError } from '../tree/xenstore-error.ts';
import { stringsOf } from './xs-bytes.ts';
import { XS_FEATURES, XsMessage } from './xs-wire.ts';

/** `DOMID_SELF`: whoever asks. */
const DOMID_SELF = 0x7ff0;

function domidOf(text: string | undefined): number {
  const domid = leadingNumber(text ?? '');
  if (text === undefined || domid > 0xffff) throw new XenStoreError('EINVAL', 'not a domid');
  return domid;
}

/** A number from 0 to 2^32-1, in decimal. */
function wordOf(text: string | undefined): number {
  if (text === undefined || !/^\d{1,10}$/.test(text) || Number(text) > 0xffff_ffff) throw new XenStoreError('EINVAL', 'not a number');
  return Number(text);
}

/** The domid that is all of a payload; domain 0 cannot be meant. */
function otherDomain({ store, payload }: RequestContext): number {
  const domid = domidOf(onlyString(payload));
  if (domid === 0) throw new XenStoreError('EINVAL', 'domain 0 cannot be meant');
  if (!store.isIntroduced(domid)) throw new XenStoreError('ENOENT', `no domain ${domid}`);
  return domid;
}

function quotaKey(name: string | undefined): keyof XenStoreQuotas {
  const key = QUOTA_NAMES.get(name ?? '');
  if (key === undefined) throw new XenStoreError('EINVAL', 'no such quota');
  return key;
}

function control({ payload }: RequestContext): string {
  const [command] = stringsOf(payload);
  if (command === 'help') return 'check\nhelp\nprint <string>\n\0';
  if (command === 'check' || command === 'print') return OK;
  throw new XenStoreError('EINVAL', 'no such command');
}

function introduce({ store, payload }: RequestContext): string {
  const [domid, gfn, port] = stringsOf(payload);
  if (port === undefined || leadingNumber(port) === 0) throw new XenStoreError('EINVAL', 'not a domid, a frame and a port');
  const wanted = { domid: domidOf(domid), gfn: leadingNumber(gfn ?? ''), port: leadingNumber(port) };
  if (wanted.domid === 0) throw new XenStoreError('EINVAL', 'domain 0 is there already');
  store.introduceByRequest(wanted);
  return OK;
}

function getQuota({ store, payload }: RequestContext): string {
  const strings = stringsOf(payload);
  const [first = '', second] = strings;
  if (strings.length > 2) throw new XenStoreError('EINVAL', 'too much');
  if (first === '') return `${[...QUOTA_NAMES.keys()].join(' ')}\0`;
  if (second === undefined) return `${store.defaultQuotas[quotaKey(first)]}\0`;
  return `${store.core.domain(domidOf(first)).quotas[quotaKey(second)]}\0`;
}

function setQuota({ store, payload }: RequestContext): string {
  const strings = stringsOf(payload);
  if (strings.length !== 2 && strings.length !== 3) throw new XenStoreError('EINVAL', 'not a quota and a value');
  const key = quotaKey(strings.at(-2));
  const value = wordOf(strings.at(-1));
  if (strings.length === 2) store.core.domains.defaults[key] = value;
  else store.core.domain(domidOf(strings[0])).quotas[key] = value;
  return OK;
}

function setFeature({ store, payload }: RequestContext): string {
  const [domid, value, ...more] = stringsOf(payload);
  const bits = wordOf(value);
  if (more.length > 0 || (bits & ~XS_FEATURES) !== 0) throw new XenStoreError('EINVAL', 'not a domid and features that there are');
  store.setFeatures(domidOf(domid), bits);
  return OK;
}

/** The requests about domains and about the store itself. */
export const DOMAIN_REQUESTS: readonly (readonly [number, RequestHandler])[] = [
  [XsMessage.XS_CONTROL, { privileged: true, serve: control }],
  [XsMessage.XS_INTRODUCE, { privileged: true, serve: introduce }],
  [
    XsMessage.XS_RELEASE,
    {
      privileged: true,
      serve: (request) => {
        request.store.releaseDomain(otherDomain(request));
        return OK;
      },
    },
  ],
  [XsMessage.XS_GET_DOMAIN_PATH, { serve: ({ payload }) => `${domainPath(domidOf(onlyString(payload)))}\0` }],
  [
    XsMessage.XS_IS_DOMAIN_INTRODUCED,
    {
      privileged: true,
      serve: ({ store, payload }) => {
        const domid = domidOf(onlyString(payload));
        return domid === DOMID_SELF || store.isIntroduced(domid) ? 'T\0' : 'F\0';
      },
    },
  ],
  [
    XsMessage.XS_RESUME,
    {
      privileged: true,
      serve: (request) => {
        request.store.resumeDomain(otherDomain(request));
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_SET_TARGET,
    {
      privileged: true,
      serve: ({ store, payload }) => {
        const [domid, target] = stringsOf(payload);
        store.setTarget(domidOf(domid), domidOf(target));
        return OK;
      },
    },
  ],
  [
    XsMessage.XS_GET_FEATURE,
    {
      serve: ({ store, client, payload }) => {
        const [domid = ''] = stringsOf(payload);
        // A domain learns what is offered to itself; domain 0 what there is, and what each domain is offered.
        if (domid === '') return `${client.domain.privileged ? XS_FEATURES : store.featuresOf(client.domain.domid)}\0`;
        if (!client.domain.privileged && domidOf(domid) !== client.domain.domid) throw new XenStoreError('EACCES', "another domain's features");
        return `${store.featuresOf(domidOf(domid))}\0`;
      },
    },
  ],
  [XsMessage.XS_SET_FEATURE, { privileged: true, serve: setFeature }],
  [XsMessage.XS_GET_QUOTA, { privileged: true, serve: getQuota }],
  [XsMessage.XS_SET_QUOTA, { privileged: true, serve: setQuota }],
];
