// Real servers with the real module, on free ports of the loopback interface.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from 'redis';
import { atEnd } from './closing.mjs';
import { eventually } from './eventually.mjs';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
export const MODULE = resolve(process.env.RL_MODULE ?? join(ROOT, 'target/release/libredis_rl.so'));
if (!existsSync(MODULE))
  throw new Error(`${MODULE} is not there: run 'make build', or set RL_MODULE`);

const started = new Set();

process.on('exit', (code) => {
  for (const server of started) {
    if (code !== 0) console.error(`--- log of port ${server.port}\n${server.log()}`);
    server.process.kill('SIGKILL');
    rmSync(server.folder, { recursive: true, force: true });
  }
});

/** A port that nobody listens on, and that no test is ever given. */
export const NOBODYS_PORT = 1;

/**
 * A port that nobody listens on, below those that the system gives to outgoing connections by
 * itself: a server that is started again finds it free.
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const probe = createServer().listen(port, '127.0.0.1');
    const taken = await once(probe, 'listening').then(
      () => false,
      () => true,
    );
    if (taken) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

/** A server that is ended with the tests of the file. */
export class Server {
  /** @param config words of its configuration, or a function that makes them */
  static async start({ module = true, port, config = [] } = {}) {
    // Between finding a port and listening on it somebody else may take it.
    for (let times = 0; ; times++) {
      const server = new Server(port ?? (await freePort()));
      const words = typeof config === 'function' ? await config() : config;
      if (await server.run(module ? ['--loadmodule', MODULE, ...words] : words)) return server;
      // It may be given back by somebody who only looked whether it is free.
      if (port) await sleep(500);
      if (times === 9) throw new Error(`a server must start, and did not: ${server.log()}`);
      started.delete(server);
      rmSync(server.folder, { recursive: true, force: true });
    }
  }

  constructor(port) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.folder = mkdtempSync(join(tmpdir(), 'redis-rl-node-'));
    started.add(this);
  }

  /** Whether it listens; false if it ended instead. */
  async run(config) {
    const words = ['--port', this.port, '--bind', '127.0.0.1', '--dir', this.folder];
    words.push('--save', '', '--logfile', 'server.log', '--enable-module-command', 'yes');
    this.process = spawn('redis-server', [...words, ...config].map(String), { stdio: 'ignore' });
    const ended = once(this.process, 'exit');
    const admin = createClient({ url: this.url });
    admin.on('error', () => {});
    this.admin = admin;
    const isOurs = async () => {
      await admin.connect();
      const info = await this.command('INFO', 'server');
      return info.includes(`process_id:${this.process.pid}\r`);
    };
    const isNot = () => false;
    const runs = await Promise.race([isOurs().catch(isNot), ended.then(isNot)]);
    if (runs) atEnd(() => this.stop());
    else await this.stop();
    return runs;
  }

  log() {
    const file = join(this.folder, 'server.log');
    return existsSync(file) ? readFileSync(file, 'utf8').slice(-4000) : '(no log)';
  }

  /** One command over a connection that the tests do not use otherwise. */
  command(...words) {
    return this.admin.sendCommand(words.map(String));
  }

  /** How often a command ran, also if it failed. */
  async calls(name = 'rl.limit') {
    const stats = await this.command('INFO', 'commandstats');
    return Number(stats.match(`cmdstat_${name}:calls=(\\d+)`)?.[1] ?? 0);
  }

  signal(name) {
    this.process.kill(name);
  }

  async stop() {
    if (this.admin.isOpen) this.admin.destroy();
    this.process.kill('SIGKILL');
    if (this.process.exitCode === null && !this.process.signalCode)
      await once(this.process, 'exit');
  }
}

// A node that is late is not down.
const CLUSTERED = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '60000'];

/** Three primaries that share the slots, perhaps one of them without the module. */
export async function startCluster({ without } = {}) {
  const nodes = [];
  for (let at = 0; at < 3; at++) {
    const config = async () => [...CLUSTERED, '--cluster-port', await freePort()];
    nodes.push(await Server.start({ config, module: at !== without }));
  }
  const ranges = [
    [0, 5460],
    [5461, 10922],
    [10923, 16383],
  ];
  for (const [at, node] of nodes.entries()) {
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
    await node.command('CLUSTER', 'ADDSLOTSRANGE', ...ranges[at]);
  }
  for (const node of nodes) {
    const bus = Number((await node.command('CONFIG', 'GET', 'cluster-port'))['cluster-port']);
    for (const other of nodes) {
      if (other !== node) await other.command('CLUSTER', 'MEET', '127.0.0.1', node.port, bus);
    }
  }
  await eventually(async () => {
    for (const node of nodes) {
      const info = await node.command('CLUSTER', 'INFO');
      if (!info.includes('cluster_state:ok') || !info.includes('cluster_known_nodes:3'))
        return false;
    }
    return true;
  });
  return nodes;
}
