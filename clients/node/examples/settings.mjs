// What both examples read from their environment, and the limiter that they share.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createLimiter, StoreMisconfigured } from 'redis-rl';

export const PORT = Number(process.env.PORT ?? 8000);

/**
 * A limiter over the Redis at REDIS_URL. It ends the program if that cannot decide, as without the
 * module, but not if it cannot be reached: the outage may be over before the first request.
 */
export async function limiterOfEnvironment() {
  const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', {
    // A late answer is none, and a charge is never sent twice.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(times * 100, 1_000),
    lazyConnect: true,
  });
  redis.on('error', () => {}); // The limiter says what an outage means.
  try {
    const limiter = createLimiter({
      client: redis,
      prefix: process.env.RL_PREFIX ?? 'rl',
      onError: process.env.ON_ERROR ?? 'closed',
      trustedProxies: (process.env.TRUSTED_PROXIES ?? '').split(',').filter(Boolean),
    });
    await Promise.race([redis.connect().catch(() => {}), sleep(1_000)]);
    await limiter.probe().catch((error) => {
      if (error instanceof StoreMisconfigured) throw error;
      console.warn(`${error.message}. Starting anyway.`);
    });
    return { limiter, redis };
  } catch (error) {
    console.error(error.message);
    process.exit(1);
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
