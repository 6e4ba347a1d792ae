/** Puts the fields of outcomes on a response of Node's http, at the moment its head is written. */

import type { ServerResponse } from 'node:http';
import type { Settling } from '../checks/settling.js';
import { clearTimeout, setTimeout } from '../stores/clock.js';
import {
  type Fields,
  type FieldValue,
  fieldsOf,
  type Legacy,
  merged,
  type Told,
} from './headers.js';
import { Telling } from './telling.js';

type WriteHead = ServerResponse['writeHead'];

const pending = Symbol('redis-rl.pending');
const hooked = Symbol('redis-rl.hooked');

/** A response, or a prototype of responses. */
type Response = ServerResponse & { [pending]?: Telling | undefined; [hooked]?: boolean };

/**
 * Has `response` tell of `outcome`, whatever becomes of it: a stream, an error, a refusal.
 * Written with the head, so that fields which the application sets until then are kept beside.
 */
export function announce(response: Response, outcome: Told, legacy?: Legacy): void {
  if (outcome.decisions.length === 0 || response.headersSent) return;
  const earlier = response[pending];
  if (earlier) return earlier.add(outcome);
  tellLater(response, new Telling(outcome, legacy));
}

/** Has `response` tell what `telling` has gathered. */
export function tellLater(response: Response, telling: Telling): void {
  response[pending] = telling;
  // Middleware such as compression may have replaced the response's own method before the
  // prototype was prepared, and would bypass that.
  if (!response[hooked] || Object.hasOwn(response, 'writeHead')) hook(response);
}

/** Has `response` tell of a charge as it is settled, if that is before its head is written. */
export function announceCharge(response: Response, charge: Settling): void {
  if (!response[pending]) tellLater(response, new Telling(charge.first, undefined));
  response[pending]?.settles(charge);
}

/** Prepares `response`, or a prototype for all that have it, which is cheaper than each by itself. */
export function hook(response: Response): void {
  if (Object.hasOwn(response, hooked)) return;
  const { writeHead } = response;
  response[hooked] = true;
  response.writeHead = function (this: Response, ...args: unknown[]) {
    const telling = this[pending];
    if (telling !== undefined && !this.headersSent) {
      this[pending] = undefined;
      if (telling.isOpen) settle(this, telling, args);
      setFields(this, fieldsOf(telling.all, telling.legacy), args);
    }
    return writeHead.apply(this, args as Parameters<WriteHead>);
  };
}

/** Has it decided whether the answer counts, for which its head must be known. */
function settle(response: Response, telling: Telling, args: unknown[]): void {
  if (typeof args[0] === 'number') response.statusCode = args[0];
  const last = args.at(-1);
  if (typeof last === 'object' && last !== null) {
    args.pop();
    for (const [name] of pairs(last)) response.removeHeader(name);
    for (const [name, value] of pairs(last)) {
      if (value !== undefined) response.appendHeader(name, value as string);
    }
  }
  // Whoever is gone gets no answer that could count.
  if (!response.destroyed) void telling.decide();
}

/**
 * Has `response` hold a place until its body has ended, or its client is gone. False if that is so
 * already: then there is nobody to serve.
 */
export function holdPlace(response: ServerResponse, place: { release(): void }): boolean {
  if (response.destroyed || response.writableFinished) {
    place.release();
    return false;
  }
  const release = () => place.release();
  response.once('finish', release);
  response.once('close', release);
  return true;
}

/** Waits as long as a LEAKY limit asks; then calls `serve`, unless the client has gone away. */
export function hold(
  response: ServerResponse,
  seconds: number,
  serve: () => void,
  gone: () => void = () => undefined,
): void {
  if (response.destroyed) return gone();
  const end = () => {
    clearTimeout(timer);
    gone();
  };
  const timer = setTimeout(() => {
    response.off('close', end);
    serve();
  }, seconds * 1000);
  response.once('close', end);
}

/** Sets fields before writeHead, and takes those that it was given besides out of `args`. */
function setFields(response: Response, fields: Fields, args: unknown[]): void {
  const last = args.length - 1;
  const given = args[last];
  if (typeof given === 'object' && given !== null) {
    args[last] = withoutFields(response, given, fields);
  }
  for (const [name, ours] of fields) {
    response.setHeader(name, merged(name, response.getHeader(name), ours));
  }
}

/** What writeHead was given, but for our fields, which are set on the response to be merged. */
function withoutFields(response: Response, given: object, fields: Fields): object {
  const named = new Set(fields.map(([name]) => name.toLowerCase()));
  const isOurs = ([name]: Pair) => named.has(name.toLowerCase());
  const theirs = pairs(given);
  const shared = theirs.filter(isOurs);
  if (shared.length === 0) return given;
  for (const [name, value] of shared) response.setHeader(name, value ?? '');
  return theirs.filter((pair) => !isOurs(pair)).flat();
}

type Pair = [name: string, value: FieldValue];

/** The headers that writeHead was given, in one of the three forms that Node takes. */
function pairs(given: object): Pair[] {
  if (!Array.isArray(given)) return Object.entries(given as Record<string, FieldValue>);
  if (Array.isArray(given[0])) return given as Pair[];
  const flat = given as string[];
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? '', flat[2 * at + 1]]);
}
