/** The template of the route that a request of Express 4 or 5 reached. */

import type { Request } from 'express';
import { template } from '../http/route.js';

/** The template, such as `/items/{id}`; null without a route. */
export function templateOf(request: Request): string | null {
  const route = request.route as { path: Pattern } | undefined;
  if (!route) return null;
  let path = templates.get(route);
  if (path === undefined) {
    path = template(`${mountOf(request, route)}${patternText(route.path)}`) || '/';
    templates.set(route, path);
  }
  return path;
}

const templates = new WeakMap<object, string>();

/** A part of Express' stack: a mounted router, a route, a middleware. */
interface Layer {
  route?: object;
  handle?: { stack?: Layer[] };
  /** Express 5.3 and later. */
  rawPath?: Pattern;
  /** Express 4. */
  regexp?: RegExp;
  keys?: { name: string | number }[];
  /** What the last request gave. */
  params?: object;
  path?: string;
}

type Pattern = string | RegExp | Pattern[];

/** Where the routers around a route are mounted, as text that no client can choose. */
function mountOf({ app }: Request, route: object): string {
  const root = app as unknown as { router?: { stack?: Layer[] }; _router?: { stack?: Layer[] } };
  // Express 4 throws where `router` is read.
  const stack = root._router?.stack ?? root.router?.stack ?? [];
  const mounts = layersTo(route, stack) ?? [];
  return `${app.path()}${mounts.map(mountText).join('')}`;
}

/** The layers of routers on the way to a route. */
function layersTo(route: object, stack: Layer[]): Layer[] | undefined {
  for (const layer of stack) {
    if (layer.route === route) return [];
    const inner = layer.handle?.stack && layersTo(route, layer.handle.stack);
    if (inner) return [layer, ...inner];
  }
  return undefined;
}

function mountText(layer: Layer): string {
  if (layer.rawPath !== undefined) return slashed(patternText(layer.rawPath));
  if (layer.regexp) return slashed(regexpText(layer.regexp, layer.keys ?? []));
  const names = Object.keys(layer.params ?? {});
  if (names.length === 0) return slashed((layer.path ?? '').toLowerCase());
  return names.map((name) => `/{${name}}`).join('');
}

function patternText(pattern: Pattern): string {
  return Array.isArray(pattern) ? pattern.map(patternText).join(',') : String(pattern);
}

/** What Express 4 was given, from the expression it made of it. */
function regexpText({ source }: RegExp, keys: { name: string | number }[]): string {
  let at = 0;
  return source
    .replace(/^\^/, '')
    .replace(/\\\/\?\(\?=\\\/\|\$\)$/, '')
    .replace(
      /\(\?:(\\\/)?\(\[\^\\?\/\]\+\?\)\)/g,
      (_, slash = '') => `${slash}{${keys[at++]?.name}}`,
    )
    .replace(/\\(.)/g, '$1');
}

function slashed(path: string): string {
  return path === '/' ? '' : path.replace(/\/+$/, '');
}
