/** node-redis: clients, pools, clusters and sentinels. */

import { now } from './clock.js';
import { Connection } from './connection.js';
import type { Command, NodeRedisLike, Patience, Send, Store, StoreOptions } from './types.js';

/** What only a cluster has. */
interface Cluster extends NodeRedisLike {
  readonly masters: object[];
  nodeClient(node: object): Promise<NodeRedisLike>;
}

export function nodeRedisStore(client: NodeRedisLike, options: StoreOptions): Store {
  const connection = Connection.of(client);
  const { disableOfflineQueue, socket, url } = (client.options ?? {}) as Options;
  const waits = disableOfflineQueue === true || isCluster(client);
  const send = sendNow(client, options.timeoutMs);
  const isReady = () => client.isReady ?? client.isOpen;
  const connect = connector(client, connection);

  const connected = async (patience: Patience) => {
    const starts = connect();
    if ((starts || waits) && connection.isComing(options.connectTimeoutMs)) {
      await connection.settled();
    }
    if (now() > patience.until) throw new Error('a connection must be there in time, and was not');
  };
  return {
    send: (command, patience, crowded) =>
      isReady()
        ? send(command, patience, crowded)
        : connected(patience).then(() => send(command, patience, crowded)),
    async primaries(patience) {
      if (!isReady()) await connected(patience);
      if (!isCluster(client)) return [send];
      const nodes = await Promise.all(client.masters.map((node) => client.nodeClient(node)));
      return nodes.map((node) => sendNow(node, options.timeoutMs));
    },
    isCluster: isCluster(client),
    isReady,
    back: (patience) => connection.back(isReady, patience),
    trouble: () => connection.trouble(socket?.tls === true || /^rediss:/i.test(url ?? '')),
    secrets: connection.secrets,
    warnings: warnings(client.options),
  };
}

interface Options {
  disableOfflineQueue?: boolean;
  socket?: { tls?: boolean };
  url?: string;
}

function sendNow(client: NodeRedisLike, timeoutMs: number): Send {
  // Its timeout works on what is not yet written, and there it keeps charges from being sent late.
  // For what is written it does nothing, but costs a signal per command.
  const ready = { timeout: undefined, typeMapping: {} };
  const waiting = { timeout: timeoutMs, typeMapping: {} };
  // A command that is sent again may wait for a connection, of a cluster's node too.
  const options = ({ repeatable }: Command) =>
    repeatable === true || client.isReady === false ? waiting : ready;
  if (isCluster(client)) {
    return (command) => client.sendCommand(command.key, false, wordsOf(command), options(command));
  }
  return 'getSentinelNode' in client
    ? (command) => client.sendCommand(false, wordsOf(command), options(command))
    : (command) => client.sendCommand(wordsOf(command), options(command));
}

/** Connects a client that was never connected; one that was closed stays closed. */
function connector(client: NodeRedisLike, connection: Connection): () => boolean {
  let opened = client.isOpen;
  return () => {
    if (opened || client.isOpen) {
      opened = true;
      return false;
    }
    opened = true;
    client.connect().then(
      () => connection.connected(),
      (error: unknown) => {
        opened = false;
        connection.failed(error);
      },
    );
    return true;
  };
}

function wordsOf({ name, key, rest, keyless }: Command): string[] {
  return keyless ? [name, ...rest] : [name, key, ...rest];
}

function isCluster(client: NodeRedisLike): client is Cluster {
  return 'masters' in client && 'nodeClient' in client;
}

function warnings(options: unknown): string[] {
  const offline = (options as { disableOfflineQueue?: boolean } | undefined)?.disableOfflineQueue;
  if (options === undefined || offline === true) return [];
  return ['it queues commands without a connection (set disableOfflineQueue to true)'];
}
