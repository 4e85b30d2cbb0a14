// profile/doh: parses the list of known DoH services (agent/data/doh.json, installed as
// /usr/share/whp/doh.json). Each entry names its source and date, like a range of a profile.
// ruleset/compile/resolver-bypass puts the addresses into sets.

import { ok, type Problem, type Result } from '../syntax/result.ts';
import { formatCidr, parseCidr } from '../wire/address.ts';

export interface DohService {
  readonly name: string;
  /** Addresses or CIDR blocks, either family, that serve nothing but DNS. */
  readonly addresses: readonly string[];
  readonly source: string;
  /** ISO day (YYYY-MM-DD) on which `source` listed the addresses. */
  readonly date: string;
}

/** Limit for the whole file; an element of a kernel set costs about 100 bytes. */
const MOST_ADDRESSES = 4096;

/** The addresses of all services, canonical, each once. A problem names `file` and the JSON pointer. */
export function parseDoh(text: string, file: string): Result<string[]> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, problems: [{ where: file, what: `is no JSON: ${String(error)}` }] };
  }
  const { format, services } = (value ?? {}) as { format?: unknown; services?: unknown };
  if (format !== 1 || !Array.isArray(services)) {
    const what = 'needs "format": 1 and a list "services"';
    return { ok: false, problems: [{ where: file, what }] };
  }
  const problems: Problem[] = [];
  const addresses = new Set<string>();
  services.forEach((service: unknown, at) => {
    const where = `${file}: /services/${at}`;
    for (const address of addressesOf(service, where, problems)) addresses.add(address);
  });
  if (addresses.size > MOST_ADDRESSES) {
    problems.push({ where: file, what: `has more than ${MOST_ADDRESSES} addresses` });
  }
  return problems.length === 0 ? ok(Array.from(addresses)) : { ok: false, problems };
}

function addressesOf(service: unknown, where: string, problems: Problem[]): string[] {
  const one = (service ?? {}) as Partial<Record<keyof DohService, unknown>>;
  for (const key of ['name', 'source', 'date'] as const) {
    if (typeof one[key] !== 'string' || one[key] === '') {
      problems.push({ where: `${where}/${key}`, what: 'is missing, or no text' });
    }
  }
  if (typeof one.date === 'string' && !/^\d{4}-\d\d-\d\d$/.test(one.date)) {
    problems.push({ where: `${where}/date`, what: `"${one.date}" is no day such as 2026-11-21` });
  }
  if (!Array.isArray(one.addresses) || one.addresses.length === 0) {
    problems.push({ where: `${where}/addresses`, what: 'is no list of addresses' });
    return [];
  }
  return one.addresses.flatMap((text: unknown, at) => {
    const block = typeof text === 'string' ? parseCidr(text) : null;
    if (block !== null) return [formatCidr(block)];
    problems.push({ where: `${where}/addresses/${at}`, what: `"${String(text)}" is no address` });
    return [];
  });
}
