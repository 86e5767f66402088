/** Spikes as tables of neurons and bins hold them: counts, and traces in which events are found. */

import type { Numbers } from '../formats/nodes.js';
import { usual } from '../math/statistics.js';
import { RecordingError } from '../recording/errors.js';
import type { SpikeCounts } from '../recording/spikes.js';
import type { SpikesSpec } from './description.js';
import { type Files, isLine } from './files.js';
import { findEvents } from './find-events.js';
import type { Values } from './reference.js';
import { onSession, type SpikeSource } from './spike-clocks.js';

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
function binClock(
  { dt, start, clock, unit }: SpikesSpec,
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

export function fromCounts(
  spec: SpikesSpec,
  reference: string,
  files: Files,
  sessionStart: number,
): SpikeSource {
  const values = files.values('spikes.counts', reference);
  const usual: Axis[] =
    values.shape.length === 3 ? ['trials', 'neurons', 'bins'] : ['neurons', 'bins'];
  const table = new Table('spikes.counts', values, spec.axes ?? usual);
  checkCounts(table.data);
  const { dt, start, times } = binClock(spec, files, table.length('bins'));
  checkEven(times, dt);
  const of = (trial: number): SpikeCounts => ({
    counts: Array.from({ length: table.length('neurons') }, (_, n) => table.row(n, trial)),
    dt,
  });
  if ((spec.axes ?? usual).includes('trials'))
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
export function fromTraces(
  spec: SpikesSpec,
  references: readonly string[],
  files: Files,
  sessionStart: number,
  note: (sentence: string) => void,
): SpikeSource {
  const { event, axes = ['neurons', 'bins'] } = spec;
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
  const { dt, start, times } = binClock(spec, files, bins);
  const timeAt = (n: number) => (times ? times[n]! : start + n * dt);
  const events = traces.map((trace, neuron) => findEvents(trace, neuron, event));
  const lists = events.map((places) => Float64Array.from(places, timeAt));
  return {
    spikes: { times: onSession(lists, 1, sessionStart, note) },
    recorded: timeAt(bins - 1) + dt - sessionStart,
  };
}
