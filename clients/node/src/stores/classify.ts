/** What an error of a Redis client means, Redis' own or the client's. */

import { ModuleNotLoaded, StoreMisconfigured, StoreRefused, StoreUnavailable } from '../errors.js';
import { copyWithout, withoutSecrets } from './secrets.js';

/** First words of replies to which the same call may get a verdict a little later. */
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
    return new StoreUnavailable(`The store cannot be asked: ${reason ?? message}`, copy);
  }
  const code = message.split(' ', 1)[0] as string;
  if (TRANSIENT.has(code) || message.startsWith(TOO_MANY_CLIENTS)) {
    return new StoreRefused(`The store cannot decide now: ${message}`, copy);
  }
  if (UNKNOWN_COMMAND.test(message)) {
    return new ModuleNotLoaded(
      'The redis-rl module is not loaded: start the server with `loadmodule libredis_rl.so`, ' +
        `or run MODULE LOAD. The server said: ${message}`,
      copy,
    );
  }
  return new StoreMisconfigured(`The store refuses to decide: ${message}${advice(message)}`, copy);
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
        ? '. Let the user run RL.POLICY GET (ACL SETUSER ... +rl.policy|get)'
        : '. Let the user run RL.LIMIT on these keys (ACL SETUSER ... +rl.limit ~rl:*)';
    case 'NOAUTH':
    case 'WRONGPASS':
      return '. Give the client a username and a password';
    case 'WRONGTYPE':
      return '. Another program uses this key: choose another prefix';
    default:
      return message.includes('there is no policy')
        ? '. Make it with RL.POLICY SET, on every primary of a cluster'
        : '';
  }
}
