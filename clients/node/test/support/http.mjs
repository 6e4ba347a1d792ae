// Apps on a port of their own, and what they answer.
import { once } from 'node:events';
import { request } from 'node:http';
import { atEnd } from './closing.mjs';

/** The base URL of an Express app that listens until the tests are over. */
export async function listen(app, ...where) {
  const server = app.listen(...(where.length ? where : [0, '127.0.0.1']));
  await once(server, 'listening');
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** RateLimit without its times, which pass while a test runs. */
export function untimed({ headers }) {
  return headers.ratelimit.replace(/;t=\d+/g, '');
}

/** Status, headers and body of one request, whose path is sent as it is written. */
export function ask(base, path, { method = 'GET', headers = {}, socketPath, send } = {}) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, socketPath, agent: false });
    sent.on('error', reject);
    sent.on('response', async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      const json = () => JSON.parse(body);
      resolve({ status: response.statusCode, headers: response.headers, body, json });
    });
    sent.end(send);
  });
}
