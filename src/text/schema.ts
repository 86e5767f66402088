/**
 * Checks plain objects against a schema; every error is one sentence with the path of the key.
 */

/** A configuration that is not valid. The message names the key, what is allowed and what it is. */
export class ConfigError extends Error {
  /** Always 'ConfigError', also in minified code. */
  override name = 'ConfigError';
}

/**
 * Returns a value with its type, or throws a ConfigError. `undefined` means that the key is absent.
 *
 * @param path the key as messages show it, such as 'window.curr'.
 */
export type Check<T> = (value: unknown, path: string) => T;

/** The type of the values that a check returns. */
export type Checked<C> = C extends Check<infer T> ? T : never;

/** A value as messages show it: JSON, cut off after 60 characters. */
export function formatValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function invalid(path: string, expected: string, value: unknown): ConfigError {
  return new ConfigError(`${path} should be ${expected}, but is ${formatValue(value)}.`);
}

/** Which numbers are allowed; default: every finite number. */
export interface NumberRange {
  /** The smallest allowed number. */
  min?: number;
  /** The largest allowed number. */
  max?: number;
  /** Whether only integers are allowed; default: false. */
  integer?: boolean;
  /** An exclusive lower bound. */
  above?: number;
}

/** A finite number in a range. */
export function number({ min, max, above, integer = false }: NumberRange = {}): Check<number> {
  const range = [
    integer ? 'a whole number' : 'a number',
    above !== undefined && `above ${above}`,
    min !== undefined && `from ${min}`,
    max !== undefined && `up to ${max}`,
  ];
  const expected = range.filter(Boolean).join(' ');
  return (value, path) => {
    const isValid =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      (!integer || Number.isInteger(value)) &&
      value >= (min ?? -Infinity) &&
      value <= (max ?? Infinity) &&
      value > (above ?? -Infinity);
    if (!isValid) throw invalid(path, expected, value);
    return value;
  };
}

/** True or false. */
export const boolean: Check<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw invalid(path, 'true or false', value);
  return value;
};

/** A string that is not empty. */
export const text: Check<string> = (value, path) => {
  if (typeof value !== 'string' || value === '') throw invalid(path, 'text', value);
  return value;
};

/** One of several strings, or null where that is among them. */
export function isOneOf<const T extends readonly (string | null)[]>(choices: T): Check<T[number]> {
  return (value, path) => {
    if (!choices.includes(value as T[number]))
      throw invalid(path, `one of ${choices.map(formatValue).join(', ')}`, value);
    return value as T[number];
  };
}

/** Null, or what `check` accepts. */
export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path));
}

/** A key that may be absent, with its default value. */
export function withDefault<T>(check: Check<T>, otherwise: T): Check<T> {
  return (value, path) => (value === undefined ? otherwise : check(value, path));
}

/** A key that may be absent, and stays absent. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, path) => (value === undefined ? undefined : check(value, path));
}

/** A list whose items all pass `check`, of any length or of exactly `length` items. */
export function list<T>(check: Check<T>, length?: number): Check<T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
      throw invalid(path, length === undefined ? 'a list' : `a list of ${length}`, value);
    }
    return value.map((item, n) => check(item, `${path}[${n}]`));
  };
}

/** Whether a value is an object with keys, neither null nor a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether every object has a property of this name, such as `constructor`. */
export function isReserved(name: string): boolean {
  return name in Object.prototype;
}

/**
 * An object with any keys, whose values all pass `check`. Names that every object has are refused:
 * whoever looks up a name that is not there would find them.
 */
export function record<T>(check: Check<T>): Check<Record<string, T>> {
  return (value, path) => {
    if (!isRecord(value)) throw invalid(path, 'names with values', value);
    const reserved = Object.keys(value).find(isReserved);
    if (reserved !== undefined)
      throw new ConfigError(
        `${path}.${reserved}: ${reserved} is a name that JavaScript keeps for itself; choose another one.`,
      );
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, check(item, `${path}.${name}`)]),
    );
  };
}

type Fields = Record<string, Check<unknown>>;

/**
 * An object with a check for each key. An unknown key is an error that suggests the most similar
 * known one. An absent object counts as an empty one.
 */
export function object<F extends Fields>(fields: F): Check<{ [K in keyof F]: Checked<F[K]> }> {
  return (value, path) => {
    const checked = value ?? {};
    if (!isRecord(checked)) throw invalid(path, 'keys with values', value);
    const pathTo = (name: string) => (path ? `${path}.${name}` : name);
    for (const name of Object.keys(checked)) {
      if (Object.hasOwn(fields, name)) continue;
      const known = Object.keys(fields);
      const similar = nearest(name, known);
      const hint = similar
        ? `; did you mean ${pathTo(similar)}?`
        : `; the known keys are ${known.join(', ')}.`;
      throw new ConfigError(`${pathTo(name)} is not known${hint}`);
    }
    const entries = Object.entries(fields).map(
      ([name, check]) => [name, check(checked[name], pathTo(name))] as const,
    );
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined)) as {
      [K in keyof F]: Checked<F[K]>;
    };
  };
}

/** An object of which `key` may be given alone: a value that is not an object is that key's. */
export function shorthand<T>(key: string, check: Check<T>): Check<T> {
  return (value, path) =>
    check(value === undefined || isRecord(value) ? value : { [key]: value }, path);
}

/** The most similar of the known names, if it is at most two typing errors away. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, edits: editDistance(name, candidate) }));
  ranked.sort((p, q) => p.edits - q.edits);
  const best = ranked[0];
  return best && best.edits <= Math.min(2, name.length - 1) ? best.candidate : undefined;
}

/** Levenshtein distance: how many letters to insert, delete or replace to turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replacement = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + replacement);
    }
    row = next;
  }
  return row[b.length]!;
}
