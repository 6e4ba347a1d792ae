/** What all the apps here have in common. */

export const REDIS_URL = process.env.REDIS_URL;
export const ADDRESS = { host: '127.0.0.1', port: Number(process.env.PORT) };
export const PATH = '/items';
export const WINDOW_MS = 60_000;
/** So high that nothing is refused. */
export const LIMIT = 1_000_000_000;
/** As long as the others wait, however busy the machine. */
export const PATIENCE_MS = 5_000;

/** The handler's answer: what is limited costs next to nothing. */
export const items = () => [{ item: 'Foo' }, { item: 'Bar' }];
