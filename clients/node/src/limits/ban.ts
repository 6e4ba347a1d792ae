/** Bans: whoever does not wait as told is shut out for a while; see RL.LIMIT. */

import { type BanNumbers, readBan } from './grammar.js';
import { periodWord, readPeriod } from './units.js';

/** `ban 15m after 20/minute up to 1d`, beside limits whose refusals it counts. */
export class Ban {
  private constructor(readonly numbers: BanNumbers) {}

  /** @param rest what follows the word `ban` in `text` */
  static read(rest: string, text: string): Ban {
    return new Ban(readBan(rest, text));
  }

  /** A clause as RL.POLICY GET shows it, such as `BAN 20 1m 15m 1d`. */
  static ofClause(words: readonly string[]): Ban | undefined {
    const [, refusals, ...periods] = words;
    const [period, ban, upTo] = periods.map(readPeriod);
    return period && ban && new Ban({ refusals: Number(refusals), period, ban, upTo });
  }

  /** The words of its clause in RL.LIMIT. */
  get words(): string[] {
    const { refusals, period, ban, upTo } = this.numbers;
    const words = ['BAN', `${refusals}`, periodWord(period), periodWord(ban)];
    return upTo === undefined ? words : [...words, periodWord(upTo)];
  }

  /** How many refusals begin a ban. */
  get quota(): number {
    return this.numbers.refusals;
  }

  /** Within how many milliseconds. */
  get periodMs(): number {
    return this.numbers.period.ms;
  }

  /** The same in seconds, rounded up: `w` of RateLimit-Policy. */
  get windowSeconds(): number {
    return Math.max(1, Math.ceil(this.periodMs / 1000));
  }

  /** What is counted at a key: one ban, whatever its numbers. */
  get limiter(): string {
    return 'ban';
  }
}
