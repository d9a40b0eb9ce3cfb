import { lookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Addresses that no public server has (the IANA special-purpose registries). */
const special = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(net, bits, 'ipv4');
// These are addresses of Teredo and other protocols, of documentation, and of 6to4, which leads to
// an IPv4 address.
for (const [net, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special.addSubnet(net, bits, 'ipv6');

/**
 * Contains every public IPv6 address, and no loopback, link-local, mapped or translated one. Its
 * addresses that are in `special` are not public.
 */
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');

export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4');
  return isIP(address) === 6 && global.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** The URL leads to an address that is not public, or is not https. */
export class NotPublic extends Error {
  override readonly name = 'NotPublic';
}

type Answer = (error: NodeJS.ErrnoException | null, addresses?: readonly LookupAddress[]) => void;
const answers = new Map<string, Answer[]>();

/**
 * Looks a name up. A lookup occupies one of the few threads of libuv, so concurrent calls for the
 * same name share one lookup.
 */
function lookupOnce(hostname: string, answer: Answer): void {
  const pending = answers.get(hostname);
  if (pending !== undefined) {
    pending.push(answer);
    return;
  }
  const all = [answer];
  answers.set(hostname, all);
  lookup(hostname, { all: true }, (error, addresses) => {
    answers.delete(hostname);
    for (const one of all) one(error, addresses);
  });
}

/**
 * Resolves a name for a connection and refuses addresses that are not public. The connection uses
 * the returned addresses, so the name cannot resolve to another one after the check.
 */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookupOnce(hostname, (error, addresses = []) => {
    const [first] = addresses;
    if (error !== null || first === undefined) {
      callback(error ?? new Error(`${hostname} has no address`), '', 0);
      return;
    }
    const other = addresses.find(({ address }) => !isPublic(address));
    if (other !== undefined)
      callback(new NotPublic(`${hostname} is ${other.address}, which is not a public address`), '', 0);
    else if (options.all === true) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  });
};

/**
 * @throws NotPublic if the scheme is not https, or the host is an address that is not public. Such
 *   a host is not looked up, so `lookupPublic` does not check it.
 */
export function refusePrivate({ protocol, hostname }: URL): void {
  if (protocol !== 'https:') throw new NotPublic('it is not https');
  const address = privateAddressIn(hostname);
  if (address !== undefined) throw new NotPublic(`${address} is not a public address`);
}

/**
 * The host of a URL, if it is an address that is not public. Undefined for a public address, and
 * for a name, which has to be looked up.
 */
export function privateAddressIn(hostname: string): string | undefined {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) !== 0 && !isPublic(host) ? host : undefined;
}
