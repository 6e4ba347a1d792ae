// What both examples read from their environment, and the limiter that they share.
import { Redis } from 'ioredis';
import { createLimiter, StoreMisconfigured } from 'redis-rl';

/** Ends the program with what is wrong. */
export function stop(why) {
  console.error(`error: ${why}`);
  process.exit(1);
}

// An empty variable counts as unset.
const setting = (name, otherwise) => process.env[name] || otherwise;

function number(name, otherwise) {
  const text = setting(name, otherwise);
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535) return Number(text);
  return stop(`${name} must be an integer from 1 to 65535, not '${text}'`);
}

function redisUrl() {
  const text = setting('REDIS_URL', 'redis://127.0.0.1:6379');
  if (URL.canParse(text) && /^rediss?:$/.test(new URL(text).protocol)) return text;
  return stop('REDIS_URL must be a URL such as redis://127.0.0.1:6379');
}

const PORT = number('PORT', '8000');
const SOCKET = setting('SOCKET', '');

/** What to listen on, as Fastify takes it: the Unix socket at SOCKET, or PORT of this machine. */
export const LISTEN_OPTIONS = SOCKET ? { path: SOCKET } : { port: PORT, host: '127.0.0.1' };

/** The same as arguments, as Express takes it. */
export const LISTEN = Object.values(LISTEN_OPTIONS);

export const WHERE = SOCKET || `http://127.0.0.1:${PORT}`;

/**
 * A limiter over the Redis at REDIS_URL. It ends the program if that Redis is misconfigured, as
 * without the module, but not if it is unreachable: the outage may be over by the first request.
 */
export async function limiterOfEnvironment() {
  const redis = new Redis(redisUrl(), {
    // A late answer is useless, and a charge is never sent twice.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(times * 100, 1_000),
    lazyConnect: true,
  });
  try {
    const limiter = createLimiter({
      client: redis,
      prefix: setting('RL_PREFIX', 'rl'),
      timeoutMs: number('RL_TIMEOUT_MS', '100'),
      onError: setting('ON_ERROR', 'closed'),
      trustedProxies: setting('TRUSTED_PROXIES', '')
        .split(',')
        .filter((cidr) => cidr.trim()),
    });
    await limiter.probe().catch((error) => {
      if (error instanceof StoreMisconfigured) throw error;
      console.warn(`${error.message}. Starting anyway.`);
    });
    return { limiter, redis };
  } catch (error) {
    return stop(error.message);
  }
}

/** Ends the program cleanly at SIGTERM and SIGINT. */
export function endWith(close) {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      setTimeout(() => process.exit(0), 1_000).unref(); // Streams and held requests end here.
      close();
    });
  }
}
