/** Variables as files hold them, brought onto a clock and into their unit. */

import { RecordingError } from '../recording/errors.js';
import { sampleTime, type Trial, type Variable } from '../recording/recording.js';
import { joining } from '../recording/sampling.js';
import type { Description, VariableSpec } from './description.js';
import { type Files, isLine } from './files.js';
import type { Values } from './reference.js';

/** Variables on the session's clock, and those that have an array or a value for each trial. */
export interface ReadVariables {
  readonly session: Readonly<Record<string, Variable>>;
  readonly perTrial: readonly {
    readonly name: string;
    /** How many trials it knows of; the last ones may have nothing where `fewer` is set. */
    readonly count: number;
    readonly mayEndEarly: boolean;
    /** @param place of the trial in the file. */
    readonly of: (place: number, duration: number) => Variable | undefined;
  }[];
}

/** @param begin seconds on the trials' own clocks where they begin. */
export function readVariables(
  { variables, start }: Pick<Description, 'variables' | 'start'>,
  begin: number,
  files: Files,
): ReadVariables {
  const session: Record<string, Variable> = {};
  const perTrial: ReadVariables['perTrial'][number][] = [];
  for (const [name, spec] of Object.entries(variables)) {
    const key = `variables.${name}`;
    if (spec.per_trial) {
      const values = readSamples(key, spec, files.values(`${key}.data`, spec.data));
      const of = (place: number, duration: number) => constant(values[place], duration);
      perTrial.push({ name, count: values.length, mayEndEarly: false, of });
    } else if (files.isPattern(spec.data)) {
      const found = files.list(`${key}.data`, spec.data);
      const own = found.map((values) => values && ownClock(key, spec, values, begin));
      // Behaviour is often tracked in some of the trials alone.
      perTrial.push({ name, count: own.length, mayEndEarly: true, of: (place) => own[place] });
    } else {
      session[name] = onSession(key, spec, files, start);
    }
  }
  return { session, perTrial };
}

/**
 * @param hint what may be the matter.
 * @throws RecordingError where something has values for more or fewer trials than there are.
 */
export function checkPerTrial(
  { perTrial }: ReadVariables,
  trials: number,
  hint = 'in their order',
): void {
  const wrong = perTrial.find(
    ({ count, mayEndEarly }) => count > trials || (count < trials && !mayEndEarly),
  );
  if (!wrong) return;
  throw new RecordingError(
    `variables.${wrong.name} has values for ${wrong.count} trials, but there are ${trials}: each needs its own, ${hint}.`,
  );
}

/** A trial with the variables of its own, and with those smoothed that are to be: never over its borders. */
export function withVariables(
  trial: Trial,
  perTrial: ReadVariables['perTrial'],
  place: number,
  spec: Description['variables'],
): Trial {
  const own = perTrial.flatMap(({ name, of }) => {
    const variable = of(place, trial.duration);
    return variable ? [[name, variable] as const] : [];
  });
  const all = [...Object.entries(trial.variables), ...own].map(
    ([name, variable]) => [name, smoothed(variable, spec[name]?.smooth)] as const,
  );
  return { ...trial, variables: Object.fromEntries(all) };
}

/** One value all through a trial; nothing where it is missing, which of texts is one without letters. */
function constant(value: number | string | undefined, duration: number): Variable | undefined {
  if (value === undefined || value === '' || Number.isNaN(value)) return undefined;
  const both = [value, value] as number[] | string[];
  return { values: both, times: Float64Array.of(0, duration) };
}

function ownClock(
  key: string,
  spec: VariableSpec,
  values: Values,
  begin: number,
): Variable | undefined {
  if (values.data.length === 0) return undefined;
  if (spec.dt === undefined)
    throw new RecordingError(`${key} should have dt, seconds a sample of each trial.`);
  const { dt, start, period } = spec;
  const clock = { dt, start: start - begin };
  const series = { values: readSamples(key, spec, values), ...clock, ...fullTurn(period) };
  // A trial of which nothing is known has no such variable.
  return spec.missing === 'interpolate' ? withoutMissing(series) : series;
}

function onSession(key: string, spec: VariableSpec, files: Files, start: number): Variable {
  const values = readSamples(key, spec, files.values(`${key}.data`, spec.data));
  const series = { values, ...readClock(key, spec, files, start), ...fullTurn(spec.period) };
  const known = spec.missing === 'interpolate' ? withoutMissing(series) : series;
  if (!known) throw new RecordingError(`${key}.data holds no number: every sample is missing.`);
  return known;
}

function readClock(key: string, spec: VariableSpec, files: Files, start: number) {
  if (spec.times !== undefined) {
    const times = files.numbers(`${key}.times`, spec.times);
    return { times: Float64Array.from(times, (time) => time * spec.time_unit - start) };
  }
  if (spec.dt === undefined)
    throw new RecordingError(`${key} should have dt, seconds a sample, or times.`);
  return { dt: spec.dt, start: spec.start - start };
}

function fullTurn(period: number | undefined) {
  return period === undefined ? {} : { period };
}

/** Samples along one axis, in the unit they are wanted in. */
function readSamples(
  key: string,
  { data: reference, scale, offset }: VariableSpec,
  { shape, data }: Values,
): Variable['values'] {
  if (!isLine(shape)) {
    throw new RecordingError(
      `${key}.data should be samples along one axis, but is [${shape.join(', ')}]: name each column as a variable of its own, as in ${reference}${reference.includes('#') ? '' : '#'}[:,0].`,
    );
  }
  if (Array.isArray(data)) return data;
  return scale === 1 && offset === 0
    ? data
    : Float64Array.from(data, (value) => value * scale + offset);
}

/**
 * The samples that are there, each at its own time: lines are drawn between numbers, and labels hold until the next.
 * Undefined where there are none.
 */
function withoutMissing(series: Variable): Variable | undefined {
  const values: ArrayLike<number | string> = series.values;
  const isThere = (value: number | string) =>
    typeof value === 'string' ? value !== '' : Number.isFinite(value);
  const known = Array.from(values, (_, n) => n).filter((n) => isThere(values[n]!));
  if (known.length === values.length) return series;
  if (known.length === 0) return undefined;
  return {
    values: known.map((n) => values[n]!) as number[] | string[],
    times: Float64Array.from(known, (n) => sampleTime(series, n)),
    ...fullTurn(series.period),
  };
}

/** The mean of `count` samples around each: half of them before it, itself and the rest after. */
function smoothed(series: Variable, count: number | undefined): Variable {
  if (count === undefined || typeof series.values[0] === 'string') return series;
  const samples = series.values as ArrayLike<number>;
  const join = joining(series.period);
  const before = Math.floor(count / 2);
  const values = Float64Array.from({ length: samples.length }, (_, n) => {
    const from = Math.max(0, n - before);
    const to = Math.min(samples.length, n - before + count);
    return join(
      samples,
      Array.from({ length: to - from }, (_, at) => from + at),
    );
  });
  return { ...series, values };
}
