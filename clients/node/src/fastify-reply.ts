/** Puts the fields of outcomes on Fastify's replies, which costs less than on raw responses. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import { fieldsOf, type Legacy, merged, type Told } from './headers.js';
import { announce, both } from './response.js';

const told = Symbol('redis-rl.told');

/** Fastify lowers names: those of every response are low already. */
const LOWER: Readonly<Record<string, string>> = {
  'RateLimit-Policy': 'ratelimit-policy',
  RateLimit: 'ratelimit',
};

type Reply = FastifyReply & { [told]: Told | null };

/** Has `reply` tell of `outcome`, whatever becomes of it: a stream, an error, a refusal. */
export function tell(reply: FastifyReply, outcome: Told): void {
  const earlier = (reply as Reply)[told];
  (reply as Reply)[told] = earlier ? both(earlier, outcome) : outcome;
}

/** Prepares the replies of `fastify` and of the instances below it for {@link tell}. */
export function tellWithReplies(fastify: FastifyInstance, legacy: Legacy | undefined): void {
  fastify.decorateReply(told, null);
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    const outcome = take(reply);
    if (outcome) {
      // The headers of fetch's Response are set after all hooks. Its class is loaded when first named.
      if (typeof payload === 'object' && payload instanceof Response)
        announce(reply.raw, outcome, legacy);
      else setFields(reply, outcome, legacy);
    }
    done();
  });
  const hijackTold = function (this: FastifyReply): FastifyReply {
    const outcome = take(this);
    if (outcome) announce(this.raw, outcome, legacy);
    return inheritedHijack(this, hijackTold).call(this);
  };
  fastify.decorateReply('hijack', hijackTold);
}

/** What to tell, once: after an error the hook runs again, and the headers are still there. */
function take(reply: FastifyReply): Told | null {
  const outcome = (reply as Reply)[told];
  if (outcome) (reply as Reply)[told] = null;
  return outcome;
}

function setFields(reply: FastifyReply, outcome: Told, legacy: Legacy | undefined): void {
  for (const [name, ours] of fieldsOf(outcome, legacy)) {
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
