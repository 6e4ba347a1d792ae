/** node-redis: clients, pools, clusters and sentinels. */

import type { Command, Send, Store } from './store.js';

/** What is used of a client, pool, cluster or sentinel of node-redis 5 or 6. */
export interface NodeRedisLike {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the four differ in their arguments
  sendCommand(...args: any[]): Promise<any>;
  readonly isReady?: boolean;
  readonly options?: unknown;
}

/** What only a cluster has. */
interface Cluster extends NodeRedisLike {
  readonly masters: object[];
  nodeClient(node: object): Promise<NodeRedisLike>;
}

export function isNodeRedis(client: unknown): client is NodeRedisLike {
  return typeof (client as Partial<NodeRedisLike> | undefined)?.sendCommand === 'function';
}

export function nodeRedisStore(client: NodeRedisLike, timeoutMs: number): Store {
  // Its timeout works on what is not yet written, and there it keeps charges from being sent late.
  // For what is written it does nothing, but costs a signal per command.
  const ready = { timeout: undefined, typeMapping: {} };
  const waiting = { timeout: timeoutMs, typeMapping: {} };
  const options = (to: NodeRedisLike) => (to.isReady === false ? waiting : ready);
  const plainSend =
    (to: NodeRedisLike): Send =>
    (command) =>
      to.sendCommand(wordsOf(command), options(to));

  if (isCluster(client)) {
    return {
      send: (command) => client.sendCommand(command.key, false, wordsOf(command), options(client)),
      primaries: async () =>
        (await Promise.all(client.masters.map((node) => client.nodeClient(node)))).map(plainSend),
      warnings: [],
    };
  }
  const send: Send =
    'getSentinelNode' in client
      ? (command) => client.sendCommand(false, wordsOf(command), options(client))
      : plainSend(client);
  return { send, primaries: async () => [send], warnings: warnings(client.options) };
}

function wordsOf({ name, key, rest }: Command): string[] {
  return [name, key, ...rest];
}

function isCluster(client: NodeRedisLike): client is Cluster {
  return 'masters' in client && 'nodeClient' in client;
}

function warnings(options: unknown): string[] {
  const offline = (options as { disableOfflineQueue?: boolean } | undefined)?.disableOfflineQueue;
  if (options === undefined || offline === true) return [];
  return ['it queues commands while there is no connection: set disableOfflineQueue to true'];
}
