// The profile that the policy tests start from: small, valid, and with everything in it.
export const PROFILE = {
  format: 1,
  name: 'skype',
  title: 'Skype',
  version: '2026-01-01',
  retired: '2025-05-05',
  dns: {
    names: [{ value: 'api.skype.com', evidence: 'capture' }],
    suffixes: [{ value: 'skype.com', evidence: 'capture' }],
    patterns: [{ value: 'dsn{0-17}.d.skype.net', evidence: 'source' }],
    except: [{ value: 'edge.skype.com', evidence: 'source' }],
  },
  ranges: [
    {
      addresses: ['157.55.130.0/24', '2a01:111::/32'],
      protocols: ['udp', 'tcp'],
      ports: [33033, [40001, 40047]],
      role: 'supernode',
      learn: ['udp'],
      source: 'captures',
      evidence: 'capture',
      date: '2015-05-18',
      expires: '2030-01-01',
    },
  ],
  portmap: { windowSeconds: 4, protocols: ['nat-pmp', 'pcp'] },
  ports: { leaseSeconds: 7200 },
  peers: { enabled: true, leaseSeconds: 3600 },
  request: {
    enabled: true,
    minimum: 329,
    maximum: 339,
    field: 'ip-length',
    windowMilliseconds: 200,
  },
  endpoints: { ttlMinimumSeconds: 300, ttlMaximumSeconds: 86400 },
  caps: { endpoints: 1024, ports: 64, peers: 4096, devices: 256 },
};

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A copy with the value at a JSON pointer replaced, or removed when it is undefined. */
export function withValue(pointer: string, value: unknown, base: unknown = PROFILE): unknown {
  const copy = JSON.parse(JSON.stringify(base)) as Json;
  const path = pointer.split('/').slice(1);
  const last = path.pop()!;
  const parent = path.reduce<Json>((at, part) => (at as Record<string, Json>)[part]!, copy);
  const members = parent as Record<string, unknown>;
  if (value === undefined) delete members[last];
  else members[last] = value;
  return copy;
}
