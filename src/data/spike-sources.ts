/** Spikes as files hold them, brought into times or counts of each neuron. */

import type { SpikesGiven } from './description.js';
import { RecordingError } from './errors.js';
import { eventsOf } from './events.js';
import { type Files, isLine } from './files.js';
import type { Numbers } from './formats/parts.js';
import type { Values } from './formats/reference.js';
import {
  firstNotBefore,
  neuronsOf,
  type SpikeCounts,
  type Spikes,
  type SpikeTimes,
} from './spikes.js';
import { usual } from './statistics.js';

interface Named {
  /** What each neuron is called, where that is not its place. */
  readonly names?: readonly string[];
}

/** Spikes on the session's clock. */
export interface SessionSpikes extends Named {
  readonly spikes: Spikes;
  /** Seconds that were recorded, where more is known than the last spike. */
  readonly recorded?: number;
}

/** Spikes of trials that each have a clock of their own. */
export interface TrialSpikes extends Named {
  readonly trials: readonly Spikes[];
  /** What the file calls each trial, where that is not its place. */
  readonly labels?: readonly string[];
}

export type SpikeSource = SessionSpikes | TrialSpikes;

/** Neuron numbers past this are taken for a mistake. */
const MOST_NEURONS = 1_000_000;

/**
 * Reads spikes as they are described.
 *
 * @param start seconds on the files' clock where the session begins.
 * @param note takes sentences about what was done to them.
 */
export function readSpikes(
  given: SpikesGiven,
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const source = spikesOf(given, files, start, note);
  if (given.names === undefined) return source;
  const names = Array.from<number | string>(files.values('spikes.names', given.names).data);
  const neurons = neuronsIn(source);
  if (names.length !== neurons) {
    throw new RecordingError(
      `spikes.names: ${given.names} has ${names.length} values, but there are ${neurons} neurons: each needs its own.`,
    );
  }
  return { ...source, names: names.map(String) };
}

/** How many neurons there are. */
export function neuronsIn(source: SpikeSource): number {
  const spikes = 'trials' in source ? source.trials[0] : source.spikes;
  return spikes ? neuronsOf(spikes) : 0;
}

function spikesOf(
  given: SpikesGiven,
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const { times, neurons, ends, sizes, lists, counts, traces } = given;
  if (counts !== undefined) return fromCounts(given, counts, files, start);
  if (traces !== undefined) return fromTraces(given, traces, files, start, note);
  if (lists !== undefined) return fromLists(given, lists, files, start, note);
  if (times !== undefined && neurons !== undefined)
    return fromPairs(given, times, neurons, files, start, note);
  if (times !== undefined && (ends !== undefined || sizes !== undefined)) {
    const read = ragged(given, times, files);
    return { spikes: { times: onSession(read, given.unit, start, note) } };
  }
  throw new RecordingError(
    'spikes should be given as times with the neurons of each or with ends or sizes, as lists of times, as counts with their dt, or as traces with an event rule.',
  );
}

/**
 * Times in seconds from the session's start, in order; those before it are left out, and it is said.
 *
 * @param lists taken one after the other, so that no more than one is in memory twice; they are changed.
 */
function onSession(
  lists: Iterable<ArrayLike<number>>,
  unit: number,
  start: number,
  note: (sentence: string) => void,
): Float64Array[] {
  const brought: Float64Array[] = [];
  let [early, unsorted] = [0, 0];
  for (const list of lists) {
    const { times, sorted } = secondsOf(list, unit, start, brought.length);
    if (!sorted) unsorted += 1;
    const before = firstNotBefore(times, 0);
    brought.push(before > 0 ? times.slice(before) : times);
    early += before;
  }
  if (unsorted > 0)
    note(
      `The times of ${unsorted} of ${brought.length} neurons were not in order; they were sorted.`,
    );
  if (early > 0) note(`${early} spikes before the session's start, ${start} s, were left out.`);
  return brought;
}

/** Changes the list where that saves a copy. @throws RecordingError where a time is no number. */
function secondsOf(list: ArrayLike<number>, unit: number, start: number, neuron: number) {
  const times = list instanceof Float64Array ? list : Float64Array.from(list);
  let sorted = true;
  for (let n = 0; n < times.length; n++) {
    const time = times[n]! * unit - start;
    if (!Number.isFinite(time)) {
      throw new RecordingError(
        `Spike ${n} of neuron ${neuron} is at ${times[n]}: times should be numbers; cut out what is missing.`,
      );
    }
    times[n] = time;
    if (n > 0 && time < times[n - 1]!) sorted = false;
  }
  if (!sorted) times.sort();
  return { times, sorted };
}

function fromPairs(
  { trials, unit, count, relabel, start: begin }: SpikesGiven,
  times: string,
  neurons: string,
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const numbered = (key: string, reference: string): Labelled =>
    relabel
      ? byPlace(files.values(key, reference).data)
      : { places: files.numbers(key, reference), names: [] };
  const when = files.numbers('spikes.times', times);
  const { places: who, names } = numbered('spikes.neurons', neurons);
  // Whoever says how many there are beside those that have spikes has not said what the others are called.
  const others = Math.max(0, (count ?? 0) - names.length);
  const unnamed = Array.from({ length: others }, (_, n) => `unnamed ${names.length + n}`);
  const called = names.length > 0 ? { names: [...names, ...unnamed] } : {};
  if (when.length !== who.length) {
    throw new RecordingError(
      `spikes.times has ${when.length} spikes, but spikes.neurons ${who.length}: each spike needs its neuron.`,
    );
  }
  if (trials === undefined) {
    const lists = byNeuron(when, who, count);
    return { spikes: { times: onSession(lists, unit, start, note) }, ...called };
  }
  const { places: which, names: labels } = numbered('spikes.trials', trials);
  if (which.length !== when.length) {
    throw new RecordingError(
      `spikes.times has ${when.length} spikes, but spikes.trials ${which.length}: each spike needs its trial.`,
    );
  }
  const all = count ?? largest(who, 'spikes.neurons', 'neuron') + 1;
  const members: number[][] = [];
  const known = largest(which, 'spikes.trials', 'trial') + 1;
  for (let trial = 0; trial < known; trial++) members.push([]);
  for (let n = 0; n < which.length; n++) members[which[n]!]!.push(n);
  if (members[0]?.length === 0)
    note(
      'No spike is of trial 0: if trials are numbered from 1, set spikes.relabel, as everything else of trials goes by their places from 0.',
    );
  const lists = members.map((own) => {
    const pick = (values: ArrayLike<number>) => Float64Array.from(own, (n) => values[n]!);
    return byNeuron(pick(when), pick(who), all);
  });
  return {
    trials: onOwnClocks(lists, unit, begin, note),
    ...called,
    ...(labels.length > 0 && { labels }),
  };
}

/** Each trial's times in seconds from where its clock begins, which may be before 0. */
function onOwnClocks(
  trials: readonly (readonly ArrayLike<number>[])[],
  unit: number,
  begin: number,
  note: (sentence: string) => void,
): SpikeTimes[] {
  let [early, all] = [0, 0];
  const found = trials.map((lists) => ({
    times: lists.map((list, neuron) => {
      const { times } = secondsOf(list, unit, begin, neuron);
      const before = firstNotBefore(times, 0);
      early += before;
      all += times.length;
      return before > 0 ? times.slice(before) : times;
    }),
  }));
  if (early > 0)
    note(
      `${early} of ${all} spikes lie before their trials' clocks begin, at ${begin} s, and were left out; say as spikes.start where they begin.`,
    );
  return found;
}

interface Labelled {
  readonly places: ArrayLike<number>;
  /** What is at each place; empty of what is numbered from 0. */
  readonly names: readonly string[];
}

/** The place of each label among those that occur, in order. */
function byPlace(labels: Numbers | string[]): Labelled {
  const sorted = [...new Set<number | string>(labels)].sort((p, q) =>
    typeof p === 'number' && typeof q === 'number'
      ? p - q
      : String(p).localeCompare(String(q), 'en', { numeric: true }),
  );
  const known = new Map(sorted.map((label, n) => [label, n]));
  const places = Int32Array.from(labels as ArrayLike<number>, (label) => known.get(label)!);
  return { places, names: sorted.map(String) };
}

/** @throws RecordingError where one is no whole number from 0. */
function largest(numbers: ArrayLike<number>, key: string, what: string): number {
  let most = -1;
  for (let n = 0; n < numbers.length; n++) {
    const number = numbers[n]!;
    if (!Number.isInteger(number) || number < 0 || number >= MOST_NEURONS) {
      throw new RecordingError(
        `${key}: spike ${n} is of ${what} ${number}; ${what}s are numbered from 0.`,
      );
    }
    most = Math.max(most, number);
  }
  return most;
}

/** Times of each neuron, in the order they come. */
function byNeuron(
  when: ArrayLike<number>,
  who: ArrayLike<number>,
  count: number | undefined,
): Float64Array[] {
  const neurons = count ?? largest(who, 'spikes.neurons', 'neuron') + 1;
  const sizes = new Uint32Array(neurons);
  for (let n = 0; n < who.length; n++) {
    const neuron = who[n]!;
    if (!(neuron in sizes)) {
      throw new RecordingError(
        `spikes.neurons: spike ${n} is of neuron ${neuron}; neurons are numbered from 0 to ${neurons - 1}.`,
      );
    }
    sizes[neuron]! += 1;
  }
  const lists = Array.from(sizes, (size) => new Float64Array(size));
  const filled = new Uint32Array(neurons);
  for (let n = 0; n < who.length; n++) lists[who[n]!]![filled[who[n]!]!++] = when[n]!;
  return lists;
}

/** Stretches of one long list, each read by itself. */
function* ragged(
  { ends, sizes }: SpikesGiven,
  times: string,
  files: Files,
): Generator<ArrayLike<number>> {
  const line = files.line('spikes.times', times);
  const total = line.length;
  const key = ends !== undefined ? 'ends' : 'sizes';
  const given = files.numbers(`spikes.${key}`, (ends ?? sizes)!);
  let from = 0;
  const spans = Array.from(given, (value, neuron) => {
    const to = key === 'ends' ? value : from + value;
    if (!Number.isInteger(to) || to < from || to > total) {
      throw new RecordingError(
        `spikes.${key}: the times of neuron ${neuron} would be places ${from} to ${to}, but spikes.times has ${total}: the file is cut short, or these are not its ${key}.`,
      );
    }
    const span = [from, to] as const;
    from = to;
    return span;
  });
  if (from !== total) {
    throw new RecordingError(
      `spikes.${key} ends at ${from}, but spikes.times has ${total}: ${total - from} spikes belong to no neuron.`,
    );
  }
  for (const [first, end] of spans) yield line.read(first, end);
}

function fromLists(
  { padding, unit, start: begin }: SpikesGiven,
  lists: readonly string[],
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const found = lists
    .flatMap((reference) => files.list('spikes.lists', reference))
    .flatMap((values) => (values ? [values] : []));
  const wrong = found.findIndex(({ data }) => Array.isArray(data));
  if (wrong >= 0) throw new RecordingError(`spikes.lists: that of neuron ${wrong} holds texts.`);
  const real = (data: ArrayLike<number>) =>
    padding === undefined ? data : Float64Array.from(data).filter((time) => time !== padding);
  if (found.every(({ shape }) => isLine(shape) || shape.includes(0)) && padding === undefined) {
    const all = found.map(({ data }) => data as Numbers);
    return { spikes: { times: onSession(all, unit, start, note) } };
  }
  const trials = found.reduce((most, { shape }) => Math.max(most, shape[1] ?? 1), 0);
  const columns = Array.from({ length: trials }, (_, trial) =>
    found.map((values) => real(columnOf(values, trial))),
  );
  return { trials: onOwnClocks(columns, unit, begin, note) };
}

/** Column `n` of [rows, columns]; empty where there is none. */
function columnOf({ shape, data }: Values, n: number): Float64Array {
  const [rows = 0, columns = 1] = shape;
  if (n >= columns) return new Float64Array(0);
  return Float64Array.from({ length: rows }, (_, row) => Number(data[row * columns + n]));
}

type Axis = 'neurons' | 'bins' | 'trials';

/** Values by axis names, whatever the order of the axes. */
class Table {
  readonly data: ArrayLike<number>;
  readonly #lengths = new Map<Axis, number>();
  readonly #strides = new Map<Axis, number>();

  constructor(key: string, { shape, data }: Values, axes: readonly Axis[]) {
    if (Array.isArray(data) || shape.length !== axes.length) {
      throw new RecordingError(
        `${key} should be numbers of [${axes.join(', ')}], but is [${shape.join(', ')}]; say which axis is which under spikes.axes.`,
      );
    }
    this.data = data;
    let stride = 1;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      this.#lengths.set(axes[axis]!, shape[axis]!);
      this.#strides.set(axes[axis]!, stride);
      stride *= shape[axis]!;
    }
  }

  length(axis: Axis): number {
    return this.#lengths.get(axis) ?? 1;
  }

  /** The bins of one neuron in one trial. */
  row(neuron: number, trial = 0): Numbers {
    const stride = (axis: Axis) => this.#strides.get(axis) ?? 0;
    const first = neuron * stride('neurons') + trial * stride('trials');
    const step = stride('bins');
    const length = this.length('bins');
    const { data } = this;
    if (step === 1 && ArrayBuffer.isView(data))
      return (data as Numbers).subarray(first, first + length);
    const made = data instanceof Uint8Array ? new Uint8Array(length) : new Float64Array(length);
    for (let n = 0; n < length; n++) made[n] = data[first + n * step]!;
    return made;
  }
}

/** Bins of a step, from a clock or as given. */
function stepOf(
  { dt, start, clock, unit }: SpikesGiven,
  files: Files,
  bins: number,
): { dt: number; start: number; times?: Float64Array } {
  if (clock === undefined) {
    if (dt === undefined) {
      throw new RecordingError(
        'spikes.dt should be the seconds of a bin, but is missing, and there is no spikes.clock.',
      );
    }
    return { dt, start };
  }
  const times = Float64Array.from(files.numbers('spikes.clock', clock), (time) => time * unit);
  if (times.length !== bins) {
    throw new RecordingError(
      `spikes.clock has ${times.length} times, but there are ${bins} bins: each needs its own.`,
    );
  }
  return { dt: dt ?? meanStep(times), start: times[0] ?? 0, times };
}

/** Of rounded times each step is off, but not their mean. */
function meanStep(times: Float64Array): number {
  return times.length > 1 ? (times.at(-1)! - times[0]!) / (times.length - 1) : 1;
}

function fromCounts(
  given: SpikesGiven,
  reference: string,
  files: Files,
  sessionStart: number,
): SpikeSource {
  const values = files.values('spikes.counts', reference);
  const usual: Axis[] =
    values.shape.length === 3 ? ['trials', 'neurons', 'bins'] : ['neurons', 'bins'];
  const table = new Table('spikes.counts', values, given.axes ?? usual);
  checkCounts(table.data);
  const { dt, start, times } = stepOf(given, files, table.length('bins'));
  checkEven(times, dt);
  const of = (trial: number): SpikeCounts => ({
    counts: Array.from({ length: table.length('neurons') }, (_, n) => table.row(n, trial)),
    dt,
  });
  if ((given.axes ?? usual).includes('trials'))
    return { trials: Array.from({ length: table.length('trials') }, (_, n) => of(n)) };
  const lead = start - sessionStart;
  if (Math.abs(lead) < dt / 2) return { spikes: of(0) };
  throw new RecordingError(
    `The counts begin at ${start} s, but the session at ${sessionStart} s: set start: ${start}.`,
  );
}

/** Nothing is rounded: what is no count is said to be none. */
function checkCounts(counts: ArrayLike<number>): void {
  for (let n = 0; n < counts.length; n++) {
    if (Number.isInteger(counts[n]) && counts[n]! >= 0) continue;
    throw new RecordingError(
      `spikes.counts holds ${counts[n]}, which is no count; give calcium traces or rates as spikes.traces, with the rule of their events.`,
    );
  }
}

/** @throws RecordingError where a clock is none of even bins. */
function checkEven(times: Float64Array | undefined, dt: number): void {
  if (!times) return;
  const usually = usual(times.subarray(1).map((time, n) => time - times[n]!)) ?? dt;
  const odd = times.findIndex(
    (time, n) => n > 0 && Math.abs(time - times[n - 1]! - usually) > usually / 2,
  );
  if (odd >= 0) {
    throw new RecordingError(
      `spikes.clock steps by ${rounded(times[odd]! - times[odd - 1]!)} s before bin ${odd}, but by ${rounded(usually)} s elsewhere: name the places where time was cut out under trials.gaps.`,
    );
  }
  const astray = times.findIndex((time, n) => Math.abs(time - times[0]! - n * dt) > dt / 2);
  if (astray < 0) return;
  const mean = meanStep(times);
  throw new RecordingError(
    `spikes.clock is at ${rounded(times[astray]!)} s in bin ${astray}, where bins of ${rounded(dt)} s would be at ${rounded(times[0]! + astray * dt)} s: ${mean === dt ? 'its steps are not even; give the times of the spikes instead' : 'leave out spikes.dt'}.`,
  );
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** Events of each trace, at the times of their samples. */
function fromTraces(
  given: SpikesGiven,
  references: readonly string[],
  files: Files,
  sessionStart: number,
  note: (sentence: string) => void,
): SpikeSource {
  const { event, axes = ['neurons', 'bins'] } = given;
  if (!event) {
    throw new RecordingError(
      'spikes.event should say what an event of the traces is, such as {above: 3, in: deviations} or {above: 0, each: true}, but is missing.',
    );
  }
  const traces = references
    .flatMap((reference) => files.list('spikes.traces', reference))
    .flatMap((values) => {
      if (!values) return [];
      if (!Array.isArray(values.data) && isLine(values.shape)) return [values.data];
      const table = new Table('spikes.traces', values, axes);
      return Array.from({ length: table.length('neurons') }, (_, n) => table.row(n));
    });
  const bins = traces[0]?.length ?? 0;
  const odd = traces.findIndex((trace) => trace.length !== bins);
  if (odd >= 0)
    throw new RecordingError(
      `spikes.traces: trace ${odd} has ${traces[odd]!.length} samples, but trace 0 has ${bins}.`,
    );
  const { dt, start, times } = stepOf(given, files, bins);
  const timeOf = (n: number) => (times ? times[n]! : start + n * dt);
  const events = traces.map((trace, neuron) => eventsOf(trace, neuron, event));
  const lists = events.map((places) => Float64Array.from(places, timeOf));
  return {
    spikes: { times: onSession(lists, 1, sessionStart, note) },
    recorded: timeOf(bins - 1) + dt - sessionStart,
  };
}
