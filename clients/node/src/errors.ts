/** What can go wrong besides a refusal, and how an error of a Redis client is told apart. */

/** Why a request could not be decided. The same in the ESM and the CommonJS build, unlike a class. */
export type UnavailableCode =
  'RL_STORE_UNAVAILABLE' | 'RL_MISCONFIGURED' | 'RL_MODULE_NOT_LOADED' | 'RL_CANNOT_IDENTIFY';

/** An option, a limit or a name that is not one. Thrown where it is given, never later. */
export class ConfigurationError extends TypeError {
  override readonly name = 'ConfigurationError';
  readonly code = 'RL_CONFIGURATION';
}

/** The store did not decide within the deadline: unreachable, hung, loading, out of memory. */
export class StoreUnavailable extends Error {
  override readonly name: string = 'StoreUnavailable';
  readonly code: UnavailableCode = 'RL_STORE_UNAVAILABLE';
  /** The HTTP status that it deserves. */
  readonly status = 503;
}

/** The store answers, but will not decide until somebody changes its set-up; no mode serves then. */
export class StoreMisconfigured extends StoreUnavailable {
  override readonly name: string = 'StoreMisconfigured';
  override readonly code: UnavailableCode = 'RL_MISCONFIGURED';
}

/** The server runs without the redis-rl module. */
export class ModuleNotLoaded extends StoreMisconfigured {
  override readonly name: string = 'ModuleNotLoaded';
  override readonly code: UnavailableCode = 'RL_MODULE_NOT_LOADED';
}

/** Nobody knows who is asking, as over a Unix socket. There is no bucket for the unknown. */
export class CannotIdentify extends Error {
  override readonly name = 'CannotIdentify';
  readonly code: UnavailableCode = 'RL_CANNOT_IDENTIFY';
  /** The HTTP status that it deserves. */
  readonly status = 503;
}

const UNAVAILABLE = new Set<unknown>([
  'RL_STORE_UNAVAILABLE',
  'RL_MISCONFIGURED',
  'RL_MODULE_NOT_LOADED',
  'RL_CANNOT_IDENTIFY',
] satisfies UnavailableCode[]);

/** Whether `error` says that no decision could be made, so that 503 is the answer. */
export function isUnavailable(error: unknown): error is StoreUnavailable | CannotIdentify {
  return error instanceof Error && UNAVAILABLE.has((error as { code?: unknown }).code);
}

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

/** The error of a client, Redis' or its own, as one of ours; the original is its `cause`. */
export function classify(cause: unknown): StoreUnavailable {
  if (cause instanceof StoreUnavailable) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (!isReply(cause) && !(cause instanceof TypeError)) {
    return new StoreUnavailable(`The store cannot be asked: ${message}`, { cause });
  }
  const code = message.split(' ', 1)[0] as string;
  if (TRANSIENT.has(code) || message.startsWith(TOO_MANY_CLIENTS)) {
    return new StoreUnavailable(`The store cannot decide now: ${message}`, { cause });
  }
  if (UNKNOWN_COMMAND.test(message)) {
    return new ModuleNotLoaded(
      'The redis-rl module is not loaded: start the server with `loadmodule libredis_rl.so`, ' +
        `or run MODULE LOAD. The server said: ${message}`,
      { cause },
    );
  }
  return new StoreMisconfigured(`The store refuses to decide: ${message}${advice(code)}`, {
    cause,
  });
}

/** Whether the server said so, and not the client library by itself. */
function isReply(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const types = [error.name, error.constructor.name]; // ioredis sets the name, node-redis the class
  return (
    types.some((type) => /^(ReplyError|SimpleError|BlobError)$/.test(type)) ||
    /^[A-Z]+ /.test(error.message)
  );
}

function advice(code: string): string {
  switch (code) {
    case 'NOPERM':
      return '. Let the user run RL.LIMIT on these keys (ACL SETUSER ... +rl.limit ~rl:*)';
    case 'NOAUTH':
    case 'WRONGPASS':
      return '. Give the client a username and a password';
    case 'WRONGTYPE':
      return '. Another program uses this key: choose another prefix';
    default:
      return '';
  }
}
