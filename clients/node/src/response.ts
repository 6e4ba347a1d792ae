/** Puts the fields of outcomes on a response of Node's http, at the moment its head is written. */

import type { ServerResponse } from 'node:http';
import { type FieldValue, fieldsOf, type Legacy, merged, type Told } from './headers.js';
import { type Outcome, tightestOf } from './outcome.js';

const pending = Symbol('redis-rl.pending');

interface Pending {
  told: Told;
  readonly legacy: Legacy | undefined;
  readonly writeHead: ServerResponse['writeHead'];
}

type Response = ServerResponse & { [pending]?: Pending };

/**
 * Has `response` tell of `outcome`, whatever becomes of it: a stream, an error, a refusal.
 * Written with the head, so that fields which the application sets until then are kept beside.
 */
export function announce(response: ServerResponse, outcome: Outcome, legacy?: Legacy): void {
  if (outcome.decisions.length === 0 || response.headersSent) return;
  const earlier = (response as Response)[pending];
  if (earlier) {
    earlier.told = both(earlier.told, outcome);
    return;
  }
  (response as Response)[pending] = { told: outcome, legacy, writeHead: response.writeHead };
  response.writeHead = writeHeadWithFields as ServerResponse['writeHead'];
}

/** Waits, as a LEAKY limit asks to; false if the client went away meanwhile. */
export function hold(response: ServerResponse, seconds: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => done(true), seconds * 1000);
    const gone = () => done(false);
    const done = (served: boolean) => {
      clearTimeout(timer);
      response.off('close', gone);
      resolve(served);
    };
    response.once('close', gone);
    if (response.destroyed) gone();
  });
}

/** Two limiters of one request: all policies, and of those that deny only these. */
function both(first: Told, second: Told): Told {
  const decisions = [...first.decisions, ...second.decisions];
  return {
    allowed: first.allowed && second.allowed,
    decisions,
    retryAfter: longer(first.retryAfter, second.retryAfter),
    tightest: tightestOf(decisions),
  };
}

function longer(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}

function writeHeadWithFields(this: Response, ...args: unknown[]): unknown {
  const { told, legacy, writeHead } = this[pending] as Pending;
  if (!this.headersSent) {
    const fields = fieldsOf(told, legacy);
    const last = args.length - 1;
    const given = args[last];
    const theirs = typeof given === 'object' && given !== null ? pairs(given) : [];
    for (const [name, ours] of fields) {
      const set = valueIn(theirs, name.toLowerCase()) ?? this.getHeader(name);
      this.setHeader(name, merged(name, set, ours));
    }
    const named = new Set(fields.map(([name]) => name.toLowerCase()));
    if (theirs.some(([name]) => named.has(name.toLowerCase()))) {
      args[last] = theirs.filter(([name]) => !named.has(name.toLowerCase())).flat();
    }
  }
  return writeHead.apply(this, args as Parameters<typeof writeHead>);
}

type Pair = [name: string, value: FieldValue];

/** The headers that writeHead was given, in one of the three forms that Node takes. */
function pairs(given: object): Pair[] {
  if (!Array.isArray(given)) return Object.entries(given as Record<string, FieldValue>);
  if (Array.isArray(given[0])) return given as Pair[];
  const flat = given as string[];
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? '', flat[2 * at + 1]]);
}

function valueIn(all: Pair[], name: string): FieldValue {
  return all.find(([each]) => each.toLowerCase() === name)?.[1];
}
