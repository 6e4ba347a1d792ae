/** Client addresses: their spellings, which of them are one client, and which proxies to believe. */

import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { CannotIdentify, ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';

/** How many bits of an IPv6 address stand for one client, unless set: providers give a /64. */
export const DEFAULT_IPV6_PREFIX = 64;

/**
 * What a client is known by: an IPv4 address itself, an IPv6 address' prefix, as `2001:db8::/64`.
 *
 * Brackets, port and zone are taken off; an IPv4 address mapped into IPv6 is the IPv4 address.
 *
 * @param ipv6Prefix 32 to 128 bits; at 128 there is no suffix
 * @throws CannotIdentify if `address` is invalid
 * @throws ConfigurationError if `ipv6Prefix` is out of range
 */
export function ipKey(address: string | undefined, ipv6Prefix = DEFAULT_IPV6_PREFIX): string {
  checkIpv6Prefix(ipv6Prefix);
  if (address !== undefined && isIPv4(address)) return address;
  const plain = address === undefined ? undefined : normalize(address);
  if (plain === undefined) {
    throw new CannotIdentify(`an address must be IPv4 or IPv6, not ${shown(address)}`);
  }
  if (typeof plain === 'string') return plain;
  if (ipv6Prefix === 128) return written(plain);
  return `${written(masked(plain, ipv6Prefix))}/${ipv6Prefix}`;
}

/** @throws ConfigurationError if `bits` is not 32 to 128 */
export function checkIpv6Prefix(bits: number): number {
  if (Number.isInteger(bits) && bits >= 32 && bits <= 128) return bits;
  throw new ConfigurationError(`ipv6Prefix must be an integer from 32 to 128, not ${shown(bits)}`);
}

/** An entry without the spaces around it, of which trim() knows more than HTTP does. */
function trimmed(entry: string | undefined): string | undefined {
  return entry !== undefined && /^[\t\x20-\x7e]*$/.test(entry) ? entry.trim() : undefined;
}

/** In `trustedProxies`: peers on a Unix socket, which have no address. */
const UNIX = 'unix';

/** The proxies whose X-Forwarded-For is believed. */
export class TrustedProxies {
  /** Whether peers on a Unix socket are among them. */
  #unix = false;
  // One list would take IPv4 addresses for members of ranges such as ::/0.
  readonly #trusted = { ipv4: new BlockList(), ipv6: new BlockList() };

  /**
   * @param ranges CIDRs or addresses, as `10.0.0.0/8` or `::1`; `unix` for peers on a Unix socket
   * @throws ConfigurationError for anything else
   */
  constructor(ranges: readonly string[]) {
    if (!Array.isArray(ranges) || ranges.some((range) => typeof range !== 'string')) {
      throw new ConfigurationError(
        `trustedProxies must be a list, as in ['10.0.0.0/8'], not ${shown(ranges)}`,
      );
    }
    for (const range of ranges as readonly string[]) this.#add(range);
  }

  /**
   * The address of the client: `peer`, unless that is a trusted proxy. Then X-Forwarded-For is
   * walked from the right until the first address that is not trusted; if all are, the leftmost.
   * An invalid entry ends the walk at the last trusted hop.
   *
   * @param peer nothing for a Unix socket
   * @param forwarded all lines of X-Forwarded-For, joined with commas
   * @throws CannotIdentify if `peer` is invalid, or the walk ends at a Unix socket
   */
  client(peer: string | undefined, forwarded: string | undefined): string {
    const hops = forwarded ? forwarded.split(',') : [];
    let client = plainText(peer || undefined);
    if (client === undefined && !peer && this.#unix) client = plainText(trimmed(hops.pop()));
    if (client === undefined) {
      throw new CannotIdentify(
        peer
          ? `a client must have an IP address, not ${shown(peer)}`
          : 'X-Forwarded-For must name the client behind the Unix socket',
      );
    }
    while (this.#trusts(client) && hops.length > 0) {
      const next = plainText(trimmed(hops.pop()));
      if (next === undefined) break;
      client = next;
    }
    return client;
  }

  #trusts(address: string): boolean {
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    return this.#trusted[family].check(address, family);
  }

  #add(range: string): void {
    if (range.trim() === UNIX) {
      this.#unix = true;
      return;
    }
    const [, address = '', bits] = /^([^/]*)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(range.trim()) ?? [];
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    const most = family === 'ipv4' ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    if ((family === 'ipv6' && !isIPv6(address)) || address.includes('%') || prefix > most) {
      throw new ConfigurationError(
        `trustedProxies must hold CIDRs such as 10.0.0.0/8, or the word unix, not ${shown(range)}`,
      );
    }
    this.#trusted[family].addSubnet(address, prefix, family);
  }
}

/** The eight groups of an IPv6 address. */
type Groups = readonly number[];

/** An address without brackets, port, zone and mapping; undefined if `text` is invalid. */
function normalize(text: string): string | Groups | undefined {
  if (isIPv4(text)) return text;
  const ported = /^([0-9.]+):[0-9]+$/.exec(text)?.[1];
  if (ported !== undefined) return isIPv4(ported) ? ported : undefined;
  const bracketed = /^\[([^\]]*)\](?::[0-9]+)?$/.exec(text)?.[1];
  const address = (bracketed ?? text).split('%', 1)[0] ?? '';
  if (!isIPv6(address)) return undefined;
  const groups = parsed(address);
  return mapped(groups) ?? groups;
}

function plainText(text: string | undefined): string | undefined {
  const plain = text === undefined ? undefined : normalize(text);
  return plain === undefined || typeof plain === 'string' ? plain : written(plain);
}

function parsed(address: string): Groups {
  const [head = '', tail] = address.split('::');
  const left = groupsOf(head);
  if (tail === undefined) return left;
  const right = groupsOf(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** The IPv4 address in ::ffff:0:0/96, by its bits, whatever its spelling. */
function mapped(groups: Groups): string | undefined {
  if (groups[5] !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return undefined;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

function masked(groups: Groups, bits: number): Groups {
  return groups.map((group, at) => {
    const kept = Math.min(Math.max(bits - at * 16, 0), 16);
    return group & (0xffff << (16 - kept));
  });
}

/** As RFC 5952 has it: lower case, and the longest run of zeros, the first of equals, as `::`. */
function written(groups: Groups): string {
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
    from = to;
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
