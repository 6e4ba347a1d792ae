// A proxy before a server that can do to replies what networks do.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { atEnd } from './closing.mjs';

export class FaultProxy {
  /**
   * What becomes of replies: `pass`, `hang` until released, `drop`, which ends the connection,
   * `drop one`, after which they pass, or `drop checks`, which lets a client connect again.
   */
  fault = 'pass';
  delayMs = 0;
  /** How many replies were dropped. */
  dropped = 0;
  #held = [];

  static async before(port) {
    const proxy = new FaultProxy();
    const sockets = new Set();
    const server = createServer((down) => {
      const up = connect(port, '127.0.0.1');
      for (const socket of [down, up]) {
        sockets.add(socket);
        socket.setNoDelay();
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          down.destroy();
          up.destroy();
        });
      }
      down.on('data', (data) => up.write(data));
      up.on('data', (data) => proxy.#reply(data, down));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy.port = server.address().port;
    atEnd(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return proxy;
  }

  /** Lets replies pass again, those first that hung. */
  release() {
    this.fault = 'pass';
    for (const [data, down] of this.#held.splice(0)) down.write(data);
  }

  #reply(data, down) {
    if (this.fault === 'hang') this.#held.push([data, down]);
    const passes = this.fault === 'pass' || (this.fault === 'drop checks' && !isVerdict(data));
    if (this.fault.startsWith('drop') && !passes) {
      if (this.fault === 'drop one') this.fault = 'pass';
      this.dropped += 1;
      down.destroy();
    } else if (passes && this.delayMs) setTimeout(() => down.write(data), this.delayMs);
    else if (passes) down.write(data);
  }
}

/** Whether a reply is an array, as those to checks are, and none to what a client says first. */
function isVerdict(data) {
  return data.toString('latin1', 0, 1) === '*';
}
