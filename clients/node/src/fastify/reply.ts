/** Puts header fields on Fastify's replies, which costs less than on raw responses. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import { fieldsOf, type Legacy, merged, type Told } from '../http/headers.js';
import { announce, both } from '../http/response.js';

const told = Symbol('redis-rl.told');

/** Fastify lowers names: those of every response are low already. */
const LOWER: Readonly<Record<string, string>> = {
  'RateLimit-Policy': 'ratelimit-policy',
  RateLimit: 'ratelimit',
};

interface Pending {
  readonly outcome: Told;
  readonly legacy: Legacy | undefined;
}

type Reply = FastifyReply & { [told]: Pending | null };

/** Has `reply` tell of `outcome`, whatever becomes of it: a stream, an error, a refusal. */
export function tell(reply: FastifyReply, outcome: Told, legacy: Legacy | undefined): void {
  const earlier = (reply as Reply)[told];
  (reply as Reply)[told] = earlier
    ? { outcome: both(earlier.outcome, outcome), legacy: earlier.legacy ?? legacy }
    : { outcome, legacy };
}

/** Prepares the replies of `fastify` and of the instances below it for {@link tell}. */
export function tellWithReplies(fastify: FastifyInstance): void {
  if (fastify.hasReplyDecorator(told)) return;
  fastify.decorateReply(told, null);
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    const pending = take(reply);
    if (pending) {
      const { outcome, legacy } = pending;
      // The headers of fetch's Response are set after all hooks. Its class is loaded when first named.
      if (typeof payload === 'object' && payload instanceof Response)
        announce(reply.raw, outcome, legacy);
      else setFields(reply, outcome, legacy);
    }
    done();
  });
  const hijackTold = function (this: FastifyReply): FastifyReply {
    const pending = take(this);
    if (pending) announce(this.raw, pending.outcome, pending.legacy);
    return inheritedHijack(this, hijackTold).call(this);
  };
  fastify.decorateReply('hijack', hijackTold);
}

/** What to tell, once: after an error the hook runs again, and the headers are still there. */
function take(reply: FastifyReply): Pending | null {
  const pending = (reply as Reply)[told];
  if (pending) (reply as Reply)[told] = null;
  return pending;
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
