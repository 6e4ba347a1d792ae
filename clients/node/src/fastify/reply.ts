/** Puts header fields on Fastify's replies, which costs less than on raw responses. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Settling } from '../checks/settling.js';
import { fieldsOf, type Legacy, merged, type Told } from '../http/headers.js';
import { tellLater } from '../http/response.js';
import { Telling } from '../http/telling.js';

const told = Symbol('redis-rl.told');

/** Fastify lowers names: those of every response are low already. */
const LOWER: Readonly<Record<string, string>> = {
  'RateLimit-Policy': 'ratelimit-policy',
  RateLimit: 'ratelimit',
};

type Reply = FastifyReply & { [told]: Telling | null };

/** Has `reply` tell of `outcome`, whatever becomes of it: a stream, an error, a refusal. */
export function tell(reply: FastifyReply, outcome: Told, legacy: Legacy | undefined): void {
  const earlier = (reply as Reply)[told];
  if (earlier) earlier.add(outcome);
  else (reply as Reply)[told] = new Telling(outcome, legacy);
}

/** Has `reply` tell of a charge as it is settled, if that is before its head is written. */
export function tellCharge(reply: FastifyReply, charge: Settling): void {
  (reply as Reply)[told]?.settles(charge);
}

/** Prepares the replies of `fastify` and of the instances below it for {@link tell}. */
export function tellWithReplies(fastify: FastifyInstance): void {
  if (fastify.hasReplyDecorator(told)) return;
  fastify.decorateReply(told, null);
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    const telling = take(reply);
    if (telling === null) return done();
    // The head of fetch's Response is set after all hooks. Its class is loaded when first named.
    if (typeof payload === 'object' && payload instanceof Response) {
      tellLater(reply.raw, telling);
      return done();
    }
    // Whoever is gone gets no answer that could count.
    const deciding = telling.isOpen && !reply.raw.destroyed ? telling.decide() : undefined;
    if (deciding === undefined) {
      setFields(reply, telling);
      return done();
    }
    deciding.then(() => {
      setFields(reply, telling);
      done();
    }, done);
  });
  const hijackTold = function (this: FastifyReply): FastifyReply {
    const telling = take(this);
    if (telling && !telling.isTold) tellLater(this.raw, telling);
    return inheritedHijack(this, hijackTold).call(this);
  };
  fastify.decorateReply('hijack', hijackTold);
}

/**
 * What to tell, once: after an error the hook runs again, and the headers are still there. Only a
 * charge is decided again then.
 */
function take(reply: FastifyReply): Telling | null {
  const telling = (reply as Reply)[told];
  if (telling && !telling.isOpen) (reply as Reply)[told] = null;
  return telling;
}

function setFields(reply: FastifyReply, telling: Telling): void {
  if (telling.isTold) return;
  telling.isTold = true;
  for (const [name, ours] of fieldsOf(telling.all, telling.legacy)) {
    const lower = LOWER[name] ?? name;
    reply.header(lower, merged(name, reply.getHeader(lower), ours));
  }
}

type Hijack = () => FastifyReply;

/** The method that `own` stands before in the prototypes of a reply. */
function inheritedHijack(reply: FastifyReply, own: Hijack): Hijack {
  let prototype = Object.getPrototypeOf(reply) as FastifyReply;
  while (!Object.hasOwn(prototype, 'hijack') || prototype.hijack !== own) {
    prototype = Object.getPrototypeOf(prototype) as FastifyReply;
  }
  return (Object.getPrototypeOf(prototype) as FastifyReply).hijack;
}
