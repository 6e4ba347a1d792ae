// The clients that users have, set up as the README says, and closed with the tests.

import { Redis as IoRedis } from 'ioredis';
import { Redis as IoRedis5 } from 'ioredis5';
import { createClient, createCluster } from 'redis';
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5';
import { atEnd } from './closing.mjs';

const IOREDIS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
};

function ioredis(Redis) {
  return async (port, options = {}) => {
    const client = new Redis(port, '127.0.0.1', { ...IOREDIS, ...options, lazyConnect: true });
    client.on('error', () => {});
    atEnd(() => client.disconnect());
    await client.connect().catch(() => {});
    return client;
  };
}

function nodeRedis(create) {
  return async (port, options = {}) => {
    const url = `redis://127.0.0.1:${port}`;
    const client = create({ url, disableOfflineQueue: true, ...options });
    client.on('error', () => {});
    atEnd(() => client.isOpen && client.destroy());
    const connecting = client.connect().catch(() => {});
    if (!options.lazy) await connecting;
    return client;
  };
}

function ioredisCluster(Redis) {
  return async (port, { addresses, redisOptions = IOREDIS, connect = true } = {}) => {
    const cluster = new Redis.Cluster([{ host: '127.0.0.1', port }], {
      natMap: addresses,
      enableOfflineQueue: false,
      lazyConnect: true,
      redisOptions,
    });
    cluster.on('error', () => {});
    atEnd(() => cluster.disconnect());
    if (connect) await cluster.connect();
    return cluster;
  };
}

function nodeRedisCluster(create) {
  return async (port, { addresses, connect = true } = {}) => {
    const rootNodes = [{ url: `redis://127.0.0.1:${port}` }];
    const cluster = create({ rootNodes, nodeAddressMap: addresses });
    cluster.on('error', () => {});
    atEnd(() => cluster.isOpen && cluster.destroy());
    if (connect) await cluster.connect();
    return cluster;
  };
}

/** For each library how a client is made, given a port and options of the library. */
export const LIBRARIES = {
  'ioredis 6': ioredis(IoRedis),
  'ioredis 5': ioredis(IoRedis5),
  'node-redis 6': nodeRedis(createClient),
  'node-redis 5': nodeRedis(createClient5),
};

/** The same for clusters; `addresses` says where to find a node instead of at its own. */
export const CLUSTERS = {
  'ioredis 6': ioredisCluster(IoRedis),
  'ioredis 5': ioredisCluster(IoRedis5),
  'node-redis 6': nodeRedisCluster(createCluster),
  'node-redis 5': nodeRedisCluster(createCluster5),
};
