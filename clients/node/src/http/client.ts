/** The address of whoever sent a request. */

import type { IncomingHttpHeaders } from 'node:http';
import { CannotIdentify } from '../errors.js';
import type { TrustedProxies } from '../keys/addresses.js';

interface Socket {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly destroyed?: boolean;
  once?(event: 'close', listener: () => void): unknown;
  off?(event: 'close', listener: () => void): unknown;
}

/** What is read of a request, in all frameworks. */
export interface HttpRequest {
  readonly method: string;
  /** What the framework made of X-Forwarded-For; none in plain http. */
  readonly ip?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
}

/**
 * The address that the framework resolved, or that `proxies` lead to.
 *
 * @throws CannotIdentify if there is none
 */
export function clientOf(request: HttpRequest, proxies: TrustedProxies | undefined): string {
  // Node parses headers when they are first read, so they are read only if needed.
  if (proxies === undefined) {
    const address = request.ip ?? request.socket?.remoteAddress;
    if (address === undefined || address === '') throw nobody(request.socket);
    return address;
  }
  const { socket, headers } = request;
  // A connection that is gone has no address either, but is no Unix socket.
  if (!socket.remoteAddress && !isUnix(socket)) throw nobody(socket);
  const forwarded = headers['x-forwarded-for'];
  const lines = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
  return proxies.client(socket.remoteAddress, lines);
}

/** Calls back when the connection of a client is closed; returns what ends that. */
export function whenGone(socket: Socket | undefined, gone: () => void): () => void {
  if (socket?.destroyed) gone();
  socket?.once?.('close', gone);
  return () => void socket?.off?.('close', gone);
}

function isUnix({ destroyed, localAddress }: Socket): boolean {
  return !destroyed && localAddress === undefined;
}

function nobody(socket: Socket | undefined): CannotIdentify {
  return new CannotIdentify(
    socket?.destroyed
      ? 'the client must have an address, and its connection is gone'
      : "the client must have an address, and the connection has none: behind a proxy's Unix socket, " +
          "set trustedProxies: ['unix'] in createLimiter",
  );
}
