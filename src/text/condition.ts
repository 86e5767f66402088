/** Conditions on values, such as `speed > 2` or `outcome == hit`, as users write them. */

import { ConfigError } from './schema.js';

/** Comparisons. Those of two characters are first, so that `>=` is not read as `>`. */
const COMPARISONS = {
  '>=': (p: number, q: number) => p >= q,
  '<=': (p: number, q: number) => p <= q,
  '==': (p: number, q: number) => p === q,
  '!=': (p: number, q: number) => p !== q,
  '>': (p: number, q: number) => p > q,
  '<': (p: number, q: number) => p < q,
} as const;

type Comparison = keyof typeof COMPARISONS;

/** A condition on the value of one variable or column. */
export class Condition {
  /** The name of what is compared. */
  readonly name: string;
  /** The condition as it was written, with single spaces. */
  readonly text: string;
  readonly #isAbsolute: boolean;
  readonly #comparison: Comparison;
  readonly #value: string;

  /**
   * @param text a name, a comparison (>, >=, <, <=, == or !=) and a value. Bars around the name
   *   mean its absolute value, quotes around the value are left out.
   * @param path the key that it stands under, for messages.
   * @throws ConfigError where it is something else, or a text is compared by size.
   */
  constructor(text: string, path?: string) {
    const where = path === undefined ? '' : `${path}: `;
    const comparison = (Object.keys(COMPARISONS) as Comparison[])
      .map((sign) => ({ sign, at: text.indexOf(sign) }))
      .filter(({ at }) => at > 0)
      .sort((p, q) => p.at - q.at)[0];
    const left = text.slice(0, comparison?.at ?? 0).trim();
    const right = comparison ? text.slice(comparison.at + comparison.sign.length).trim() : '';
    const isAbsolute = left.length > 1 && left.startsWith('|') && left.endsWith('|');
    const name = isAbsolute ? left.slice(1, -1).trim() : left;
    if (!comparison || name === '' || right === '')
      throw new ConfigError(
        `${where}"${text}" is no condition: write a name, one of >, >=, <, <=, == and !=, and a value, such as speed > 2.`,
      );
    const quoted = /^(["'])(.*)\1$/.exec(right);
    const value = quoted ? quoted[2]! : right;
    const isEquality = comparison.sign === '==' || comparison.sign === '!=';
    if (!isEquality && (quoted || !isNumber(value)))
      throw new ConfigError(
        `${where}"${text}" compares with ${value}, which is no number: compare texts with == or !=.`,
      );
    this.name = name;
    this.text = `${left} ${comparison.sign} ${right}`;
    this.#isAbsolute = isAbsolute;
    this.#comparison = comparison.sign;
    this.#value = value;
  }

  /** Whether it compares with a text, which no number equals. */
  get isOfText(): boolean {
    return !isNumber(this.#value);
  }

  /** Whether it holds for a value. A value that is missing (NaN, or an empty text) fails it. */
  holds(value: number | string): boolean {
    if (value === '' || Number.isNaN(value)) return false;
    if (typeof value === 'string' && !(isNumber(value) && isNumber(this.#value))) {
      if (this.#comparison === '==') return value === this.#value;
      return this.#comparison === '!=' && value !== this.#value;
    }
    const number = Number(value);
    const compared = this.#isAbsolute ? Math.abs(number) : number;
    return COMPARISONS[this.#comparison](compared, Number(this.#value));
  }
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}
