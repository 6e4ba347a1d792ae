/** What an error means, whether it comes from Redis or from the client. */

import { ModuleNotLoaded, StoreMisconfigured, StoreRefused, StoreUnavailable } from '../errors.js';
import { copyWithout, withoutSecrets } from './secrets.js';

/** First words of errors that pass by themselves. */
const TRANSIENT = new Set([
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'READONLY',
  'NOREPLICAS',
  'BUSY',
  'OOM',
  'MISCONF',
]);

const TOO_MANY_CLIENTS = 'ERR max number of clients';
const UNKNOWN_COMMAND = /^ERR unknown command ['`]?RL\./i;

/**
 * The error of a client as one of ours; a copy of the original is its `cause`.
 *
 * @param secrets what must not stand in the text, such as passwords
 * @param reason why there is no connection, if that is known; clients say little of it
 */
export function classify(
  cause: unknown,
  secrets: readonly string[] = [],
  reason?: string,
): StoreUnavailable {
  if (cause instanceof StoreUnavailable) return cause;
  const copy = { cause: copyWithout(cause, secrets) };
  const message = withoutSecrets(textOf(cause), secrets);
  if (!isReply(cause) && !(cause instanceof TypeError)) {
    return new StoreUnavailable(`Redis must be reachable, and is not: ${reason ?? message}`, copy);
  }
  const code = message.split(' ', 1)[0] as string;
  if (TRANSIENT.has(code) || message.startsWith(TOO_MANY_CLIENTS)) {
    return new StoreRefused(message, copy);
  }
  if (UNKNOWN_COMMAND.test(message)) {
    return new ModuleNotLoaded(
      'the redis-rl module must be loaded, and the server does not know RL.LIMIT: load it with ' +
        "`loadmodule /path/to/libredis_rl.so` in the server's configuration, or with MODULE LOAD",
      copy,
    );
  }
  return new StoreMisconfigured(`${message}${advice(message)}`, copy);
}

/** What an error says, also one of several attempts, whose own message is empty. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errors, lastNodeError } = error as { errors?: unknown; lastNodeError?: unknown };
  if (Array.isArray(errors) && errors.length > 0) return errors.map(textOf).join('; ');
  const node = lastNodeError === undefined || lastNodeError === null ? '' : textOf(lastNodeError);
  return node === '' || error.message.includes(node) ? error.message : `${error.message} ${node}`;
}

/** Whether the server said so, and not the client library by itself. */
export function isReply(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const types = [error.name, error.constructor.name]; // ioredis sets the name, node-redis the class
  return (
    types.some((type) => /^(ReplyError|SimpleError|BlobError)$/.test(type)) ||
    /^[A-Z]+ /.test(error.message)
  );
}

function advice(message: string): string {
  const [code] = message.split(' ', 1);
  switch (code) {
    case 'NOPERM':
      return /rl\.policy/i.test(message)
        ? ': grant the user +rl.policy|get, as with ACL SETUSER'
        : ': grant the user +rl.limit on these keys, as with ACL SETUSER';
    case 'NOAUTH':
    case 'WRONGPASS':
      return ': give the client the right user and password';
    case 'WRONGTYPE':
      return ': another program uses this key, so choose another prefix';
    default:
      if (message.includes('there is no policy')) {
        return ': create it with RL.POLICY SET, on every primary of a cluster';
      }
      return message.includes('LEASE must come with ID')
        ? ': a policy has a LEASE, so take it out with RL.POLICY SET, and use concurrency'
        : '';
  }
}
