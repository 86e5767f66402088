/** Checking plain objects against a description: each complaint is one sentence with the key's path. */

/** A configuration that cannot be used; names the key, what is allowed and what it is. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** Returns a checked value or throws a ConfigError; `undefined` means that the key is absent. */
export type Check<T> = (value: unknown, path: string) => T;

export type Checked<C> = C extends Check<infer T> ? T : never;

/** A value as it is shown in a complaint. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function refuse(path: string, expected: string, value: unknown): ConfigError {
  return new ConfigError(`${path} should be ${expected}, but is ${show(value)}.`);
}

export interface NumberRange {
  min?: number;
  max?: number;
  integer?: boolean;
  /** Excludes `min` itself. */
  above?: number;
}

export function number({ min, max, above, integer = false }: NumberRange = {}): Check<number> {
  const range = [
    integer ? 'a whole number' : 'a number',
    above !== undefined && `above ${above}`,
    min !== undefined && `from ${min}`,
    max !== undefined && `up to ${max}`,
  ];
  const expected = range.filter(Boolean).join(' ');
  return (value, path) => {
    const fits =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      (!integer || Number.isInteger(value)) &&
      value >= (min ?? -Infinity) &&
      value <= (max ?? Infinity) &&
      value > (above ?? -Infinity);
    if (!fits) throw refuse(path, expected, value);
    return value;
  };
}

export const boolean: Check<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw refuse(path, 'true or false', value);
  return value;
};

export const text: Check<string> = (value, path) => {
  if (typeof value !== 'string' || value === '') throw refuse(path, 'a text', value);
  return value;
};

export function isOneOf<const T extends readonly (string | null)[]>(choices: T): Check<T[number]> {
  return (value, path) => {
    if (!choices.includes(value as T[number]))
      throw refuse(path, `one of ${choices.map(show).join(', ')}`, value);
    return value as T[number];
  };
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path));
}

/** A key that may be left out. */
export function defaulted<T>(check: Check<T>, otherwise: T): Check<T> {
  return (value, path) => (value === undefined ? otherwise : check(value, path));
}

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, path) => (value === undefined ? undefined : check(value, path));
}

export function list<T>(check: Check<T>, length?: number): Check<T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
      throw refuse(path, length === undefined ? 'a list' : `a list of ${length}`, value);
    }
    return value.map((item, n) => check(item, `${path}[${n}]`));
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Any names, each with a value of one kind. */
export function record<T>(check: Check<T>): Check<Record<string, T>> {
  return (value, path) => {
    if (!isRecord(value)) throw refuse(path, 'names with values', value);
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, check(item, `${path}.${name}`)]),
    );
  };
}

type Fields = Record<string, Check<unknown>>;

/** Keys with a check each; another key is refused, with the nearest known one. An absent object is an empty one. */
export function object<F extends Fields>(fields: F): Check<{ [K in keyof F]: Checked<F[K]> }> {
  return (value, path) => {
    const given = value ?? {};
    if (!isRecord(given)) throw refuse(path, 'keys with values', value);
    const at = (name: string) => (path ? `${path}.${name}` : name);
    for (const name of Object.keys(given)) {
      if (Object.hasOwn(fields, name)) continue;
      const known = Object.keys(fields);
      const near = nearest(name, known);
      throw new ConfigError(
        `${at(name)} is not known${near ? `; did you mean ${at(near)}?` : `; known here: ${known.join(', ')}.`}`,
      );
    }
    const entries = Object.entries(fields).map(
      ([name, check]) => [name, check(given[name], at(name))] as const,
    );
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined)) as {
      [K in keyof F]: Checked<F[K]>;
    };
  };
}

/** The known name within two slips of the pen, if there is one. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, slips: slipsBetween(name, candidate) }));
  ranked.sort((p, q) => p.slips - q.slips);
  const best = ranked[0];
  return best && best.slips <= Math.min(2, name.length - 1) ? best.candidate : undefined;
}

/** Letters to insert, delete or replace to get from one name to the other. */
function slipsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same);
    }
    row = next;
  }
  return row[b.length]!;
}
