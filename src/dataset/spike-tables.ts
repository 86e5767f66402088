/**
 * Reads spikes from tables of neurons and bins: spike counts, and traces in which events are found.
 */

import type { Numbers } from '../formats/nodes.js';
import { upperMedian } from '../math/statistics.js';
import { RecordingError } from '../recording/errors.js';
import { BIN_EDGE_TOLERANCE, type SpikeCounts } from '../recording/spikes.js';
import { formatCount } from '../text/format.js';
import { formatYamlEntry } from '../text/yaml.js';
import type { SpikesSpec } from './description.js';
import { type DataFiles, isOneDimensional } from './files.js';
import { findEvents } from './find-events.js';
import type { LeftOut } from './left-out.js';
import { type ArrayValues, formatShape } from './reference.js';
import { type LoadedSpikes, toSessionClock } from './spike-clocks.js';

type Axis = 'neurons' | 'bins' | 'trials' | 'spikes';

/** A numeric array whose axes are accessed by name, whatever their order. */
class Table {
  readonly data: ArrayLike<number>;
  readonly #lengths = new Map<Axis, number>();
  readonly #strides = new Map<Axis, number>();

  /**
   * @param key the key of dataset.yaml that the array stands under, for messages.
   * @throws RecordingError where the array contains text or has another number of axes.
   */
  constructor(key: string, values: ArrayValues, axes: readonly Axis[]) {
    const { shape, data } = values;
    if (Array.isArray(data) || shape.length !== axes.length) {
      throw new RecordingError(
        `${key} should be a numeric array of [${axes.join(', ')}], but ${formatShape(values)}; name its axes in order under spikes.axes.`,
      );
    }
    if (data.length === 0)
      throw new RecordingError(`${key} is empty: it ${formatShape(values)}, without any value.`);
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

  /** All bins of one neuron in one trial: a view where they are contiguous, else a copy. */
  row(neuron: number, trial = 0): Numbers {
    const strideOf = (axis: Axis) => this.#strides.get(axis) ?? 0;
    const offset = neuron * strideOf('neurons') + trial * strideOf('trials');
    const stride = strideOf('bins');
    const length = this.length('bins');
    const { data } = this;
    if (stride === 1 && ArrayBuffer.isView(data))
      return (data as Numbers).subarray(offset, offset + length);
    const copy = data instanceof Uint8Array ? new Uint8Array(length) : new Float64Array(length);
    for (let n = 0; n < length; n++) copy[n] = data[offset + n * stride]!;
    return copy;
  }
}

/**
 * The clock of bins, in seconds: a bin width and the time of the first bin, and of every bin with
 * `spikes.clock`.
 */
interface BinClock {
  readonly dt: number;
  readonly start: number;
  readonly times?: Float64Array;
}

/**
 * @throws RecordingError where neither `dt` nor `clock` is given, or `clock` has another number of
 *   bins.
 */
function readBinClock(
  { dt, start, clock, unit }: SpikesSpec,
  files: DataFiles,
  bins: number,
): BinClock {
  if (clock === undefined) {
    if (dt === undefined) {
      throw new RecordingError(
        'The bin width is missing: set spikes.dt, in seconds, such as spikes.dt: 0.01, or name the time of each bin under spikes.clock.',
      );
    }
    return { dt, start };
  }
  const times = Float64Array.from(files.numbers('spikes.clock', clock), (time) => time * unit);
  if (times.length !== bins) {
    throw new RecordingError(
      `spikes.clock has ${times.length} times, but there are ${bins} bins: give one time per bin.`,
    );
  }
  return { dt: dt ?? meanStep(times), start: times[0] ?? 0, times };
}

/**
 * The mean step of a clock. Where times are rounded, each step is inexact, but their mean is not.
 */
function meanStep(times: Float64Array): number {
  return times.length > 1 ? (times.at(-1)! - times[0]!) / (times.length - 1) : 1;
}

/**
 * Reads spike counts of [neurons, bins] or [trials, neurons, bins], or of the axes that
 * `spikes.axes` names.
 *
 * @param reference `spikes.counts`.
 * @param sessionStart seconds on the files' clock at which the session starts.
 * @throws RecordingError where a value is not a count, bins have no regular clock, or the first bin
 *   is not at the session start.
 */
export function readCounts(
  spec: SpikesSpec,
  reference: string,
  files: DataFiles,
  sessionStart: number,
): LoadedSpikes {
  const values = files.values('spikes.counts', reference);
  const defaultAxes: Axis[] =
    values.shape.length === 3 ? ['trials', 'neurons', 'bins'] : ['neurons', 'bins'];
  const axes = spec.axes ?? defaultAxes;
  const table = new Table('spikes.counts', values, axes);
  checkCounts(table.data);
  const { dt, start, times } = readBinClock(spec, files, table.length('bins'));
  checkRegular(times, dt, spec);
  const trialCounts = (trial: number): SpikeCounts => ({
    counts: Array.from({ length: table.length('neurons') }, (_, n) => table.row(n, trial)),
    dt,
  });
  if (axes.includes('trials'))
    return { trials: Array.from({ length: table.length('trials') }, (_, n) => trialCounts(n)) };
  if (Math.abs(start - sessionStart) <= BIN_EDGE_TOLERANCE * dt) return { spikes: trialCounts(0) };
  throw new RecordingError(
    `The counts begin at ${start} s, but the session starts at ${sessionStart} s: set start: ${start}.`,
  );
}

/** What to write beside traces. */
const EVENT_RULE = 'a rule of events, such as spikes.event: {above: 3, in: deviations}';

/** Every spike takes memory: so many are no counts of spikes. */
const MAX_SPIKES = 200_000_000;

/**
 * Counts are never rounded.
 *
 * @throws RecordingError at the first value that is not a whole number from 0, or where there are
 *   too many spikes.
 */
function checkCounts(counts: ArrayLike<number>): void {
  let total = 0;
  for (let n = 0; n < counts.length; n++) {
    total += counts[n]!;
    if (total > MAX_SPIKES)
      throw new RecordingError(
        `spikes.counts counts more than ${formatCount(MAX_SPIKES)} spikes, such as ${counts[n]} in one bin: if these are rates or traces, give them as spikes.traces with ${EVENT_RULE}.`,
      );
    if (Number.isInteger(counts[n]) && counts[n]! >= 0) continue;
    throw new RecordingError(
      `spikes.counts contains ${counts[n]}, which is not a spike count; give calcium traces or rates as spikes.traces with ${EVENT_RULE}.`,
    );
  }
}

/**
 * Checks that a clock runs at the bin width: that no step is far from the usual one, and that no
 * time has drifted from its bin by more than half a bin.
 *
 * @throws RecordingError where it does not.
 */
function checkRegular(
  times: Float64Array | undefined,
  dt: number,
  { clock, unit }: Pick<SpikesSpec, 'clock' | 'unit'>,
): void {
  if (!times) return;
  const usualStep = upperMedian(times.subarray(1).map((time, n) => time - times[n]!)) ?? dt;
  const jump = times.findIndex(
    (time, n) => n > 0 && Math.abs(time - times[n - 1]! - usualStep) > usualStep / 2,
  );
  if (jump >= 0) {
    const step = rounded(usualStep);
    const units = unit === 1 ? {} : { unit };
    const gaps = { clock, ...units, above: rounded(1.5 * usualStep), dt: step };
    throw new RecordingError(
      `spikes.clock steps by ${rounded(times[jump]! - times[jump - 1]!)} s before bin ${jump}, but by ${step} s elsewhere: if time was cut out there, write spikes.dt: ${step} instead of spikes.clock, and beside spikes ${formatYamlEntry('trials', { gaps })}.`,
    );
  }
  const drifted = times.findIndex((time, n) => Math.abs(time - times[0]! - n * dt) > dt / 2);
  if (drifted < 0) return;
  const advice =
    meanStep(times) === dt
      ? 'its steps are not regular, so give spike times instead of counts'
      : 'leave out spikes.dt';
  throw new RecordingError(
    `spikes.clock is at ${rounded(times[drifted]!)} s in bin ${drifted}, but with bins of ${rounded(dt)} s that bin would be at ${rounded(times[0]! + drifted * dt)} s: ${advice}.`,
  );
}

/** Six significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/**
 * Reads traces and finds their events, which count as spikes at the times of their samples.
 *
 * @param references `spikes.traces`: arrays of [neurons, bins], or of the axes that `spikes.axes`
 *   names, or one one-dimensional array per neuron.
 * @param sessionStart seconds on the files' clock at which the session starts.
 * @param note takes sentences about events that were left out.
 * @param leftOut takes traces in which no events can be found. Default: they are errors.
 * @throws RecordingError where `spikes.event` is missing, traces differ in length, or bins have no
 *   clock.
 */
export function readTraces(
  spec: SpikesSpec,
  references: readonly string[],
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
  leftOut?: LeftOut,
): LoadedSpikes {
  const { event, axes = ['neurons', 'bins'] } = spec;
  if (!event) {
    throw new RecordingError(
      'spikes.event is missing: it should say what counts as an event in the traces, such as spikes.event: {above: 3, in: deviations} or, if they are deconvolved, spikes.event: {above: 0, each: true}.',
    );
  }
  const traces = references
    .flatMap((reference) =>
      // An empty cell is a neuron too, as in `spikes.lists`.
      files
        .neuronArrays('spikes.traces', reference, note)
        .map((values) =>
          files.isPattern(reference) && values?.data.length === 0 ? undefined : values,
        ),
    )
    .flatMap((values): (Numbers | undefined)[] => {
      if (!values) return [undefined];
      if (!Array.isArray(values.data) && isOneDimensional(values.shape)) return [values.data];
      const table = new Table('spikes.traces', values, axes);
      return Array.from({ length: table.length('neurons') }, (_, n) => table.row(n));
    });
  const firstTrace = traces.findIndex((trace) => trace !== undefined);
  const bins = traces[firstTrace]?.length ?? 0;
  const unequal = traces.findIndex((trace) => trace && trace.length !== bins);
  if (unequal >= 0)
    throw new RecordingError(
      `spikes.traces: trace ${unequal} has ${traces[unequal]!.length} samples, but trace ${firstTrace} has ${bins}.`,
    );
  const { dt, start, times } = readBinClock(spec, files, bins);
  const timeAt = (n: number) => (times ? times[n]! : start + n * dt);
  // A trace that is not kept need not have a threshold.
  const kept = Array.isArray(spec.keep) ? new Set(spec.keep) : undefined;
  const findAll = (trace: Numbers | undefined, neuron: number) =>
    trace && (!kept || kept.has(neuron)) ? findEvents(trace, neuron, event) : [];
  const events = leftOut ? findInUsable(traces, findAll, leftOut) : traces.map(findAll);
  const lists = events.map((samples) => Float64Array.from(samples, timeAt));
  return {
    spikes: { times: toSessionClock(lists, { unit: 1 }, sessionStart, note) },
    recorded: timeAt(bins - 1) + dt - sessionStart,
  };
}

/**
 * The events of all traces in which events can be found; the others are left out.
 *
 * @throws RecordingError where there is none
 */
function findInUsable(
  traces: readonly (Numbers | undefined)[],
  find: (trace: Numbers | undefined, neuron: number) => number[],
  leftOut: LeftOut,
): number[][] {
  const reasons: string[] = [];
  const kept: number[] = [];
  const events = traces.flatMap((trace, neuron) => {
    try {
      const isEmpty = trace && !trace.some((value) => Number.isFinite(value));
      if (isEmpty) throw new RecordingError(`All samples of trace ${neuron} are missing.`);
      const found = find(trace, neuron);
      kept.push(neuron);
      return [found];
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      reasons.push(error.message.replace(/^spikes.event: |\.$/g, ''));
      return [];
    }
  });
  if (kept.length === 0)
    throw new RecordingError(`No events can be found in any of the traces: ${reasons[0]}.`);
  leftOut.neurons(reasons, kept, traces.length);
  return events;
}
