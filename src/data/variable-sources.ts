/** Variables as files hold them, brought onto a clock and into their unit. */

import type { Description, VariableGiven } from './description.js';
import { RecordingError } from './errors.js';
import { type Files, isLine } from './files.js';
import type { Values } from './formats/reference.js';
import type { Variable } from './recording.js';

/** Variables on the session's clock, and those that have an array or a value for each trial. */
export interface ReadVariables {
  readonly session: Readonly<Record<string, Variable>>;
  readonly perTrial: readonly {
    readonly name: string;
    readonly of: (place: number, duration: number) => Variable | undefined;
  }[];
}

export function readVariables(
  { variables, start }: Pick<Description, 'variables' | 'start'>,
  files: Files,
): ReadVariables {
  const session: Record<string, Variable> = {};
  const perTrial: ReadVariables['perTrial'][number][] = [];
  for (const [name, given] of Object.entries(variables)) {
    const key = `variables.${name}`;
    if (given.per_trial) {
      const values = samplesOf(key, given, files.values(`${key}.data`, given.data));
      perTrial.push({ name, of: (place, duration) => held(values, place, duration) });
    } else if (given.data.includes('*')) {
      const found = files.list(`${key}.data`, given.data);
      const own = found.map((values) => values && ownClock(key, given, values));
      perTrial.push({ name, of: (place) => own[place] });
    } else {
      session[name] = onSession(key, given, files, start);
    }
  }
  return { session, perTrial };
}

/** One value all through a trial. */
function held(values: Variable['values'], place: number, duration: number): Variable | undefined {
  const value = values[place];
  if (value === undefined) return undefined;
  const both = [value, value] as number[] | string[];
  return { values: both, times: Float64Array.of(0, duration) };
}

function ownClock(key: string, given: VariableGiven, values: Values): Variable | undefined {
  if (values.data.length === 0) return undefined;
  if (given.dt === undefined)
    throw new RecordingError(`${key} should have dt, seconds a sample of each trial.`);
  return { values: samplesOf(key, given, values), dt: given.dt, start: given.start };
}

function onSession(key: string, given: VariableGiven, files: Files, start: number): Variable {
  const values = samplesOf(key, given, files.values(`${key}.data`, given.data));
  if (given.times !== undefined) {
    const times = Float64Array.from(
      files.numbers(`${key}.times`, given.times),
      (time) => time * given.time_unit - start,
    );
    return { values, times };
  }
  if (given.dt === undefined)
    throw new RecordingError(`${key} should have dt, seconds a sample, or times.`);
  return { values, dt: given.dt, start: given.start - start };
}

/** Samples along one axis, in the unit they are wanted in. */
function samplesOf(
  key: string,
  { data: reference, scale, offset, missing, smooth }: VariableGiven,
  { shape, data }: Values,
): Variable['values'] {
  if (!isLine(shape)) {
    throw new RecordingError(
      `${key}.data should be samples along one axis, but is [${shape.join(', ')}]: name each column as a variable of its own, as in ${reference}${reference.includes('#') ? '' : '#'}[:,0].`,
    );
  }
  if (Array.isArray(data)) return data;
  const scaled =
    scale === 1 && offset === 0 ? data : Float64Array.from(data, (value) => value * scale + offset);
  const whole = missing === 'interpolate' ? interpolated(scaled) : scaled;
  return smooth === undefined ? whole : smoothed(whole, smooth);
}

/** The mean of `count` samples around each: as many before it as it can be half of them, itself and the rest after. */
function smoothed(samples: ArrayLike<number>, count: number): Float64Array {
  const before = Math.floor(count / 2);
  return Float64Array.from({ length: samples.length }, (_, n) => {
    const from = Math.max(0, n - before);
    const to = Math.min(samples.length, n - before + count);
    let sum = 0;
    for (let at = from; at < to; at++) sum += samples[at]!;
    return sum / (to - from);
  });
}

/** Lines drawn over samples that are no number; the nearest sample before the first and after the last. */
function interpolated(samples: ArrayLike<number>): Float64Array {
  const filled = Float64Array.from(samples);
  let before = -1;
  for (let n = 0; n < filled.length; n++) {
    if (!Number.isFinite(filled[n])) continue;
    const [from, to] = [before < 0 ? filled[n]! : filled[before]!, filled[n]!];
    for (let at = before + 1; at < n; at++)
      filled[at] = from + ((to - from) * (at - before)) / (n - before);
    before = n;
  }
  if (before >= 0) filled.fill(filled[before]!, before + 1);
  return filled;
}
