/**
 * Describes the columns of an NWB table of trials: those with one value for each trial, and ragged
 * columns, which hold a list of values for each. Lists of times, on the session clock or counted
 * from the start of their trial, become variables that count events. Of other columns it is noted
 * how to read them.
 */

import type { ArrayNode, GroupNode, Numbers } from '../formats/nodes.js';
import { formatList } from '../text/format.js';
import { MAX_INSPECTED_VALUES } from './arrays-in-file.js';
import { adviseVariables, type NamedVariables } from './guess.js';
import { isAscending } from './guess-times.js';
import { arrayMember, isReadable, type NamedGroup } from './nwb-groups.js';

/** The columns of a table of trials, by how their values belong to trials. */
interface TrialColumns {
  /** Names of those with one value for each trial. */
  readonly values: readonly string[];
  /** Names of those with one time for each trial, besides its start and its stop. */
  readonly times: readonly string[];
  readonly ragged: readonly RaggedColumn[];
  readonly others: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly data: ArrayNode;
}

/** A column that an index divides into a list for each trial. */
interface RaggedColumn extends Column {
  /** The index just past each trial's last value. */
  readonly ends: Numbers;
  /** Whether it is divided once, rather than into lists of lists. */
  readonly isSimple: boolean;
}

/** When trials take place, in seconds; NaN where the file has no value. */
interface TrialTimes {
  readonly starts: Numbers;
  /** The starts of the next trials where the file has no stops. */
  readonly stops: Numbers;
}

/** The clock of times: that of the session, or those of trials, which begin with them. */
type Clock = 'session' | 'trials';

/** Adds a variable for each column with one value for each trial. */
export function addTrialValues(
  variables: NamedVariables,
  { path, group }: NamedGroup,
  file: string,
): void {
  for (const name of sortColumns(group).values)
    variables.add(name, `${path}/${name}`, { data: `${file}#${path}/${name}`, per_trial: true });
}

/** At most this many columns that are not read are named. */
const MAX_NAMED = 12;

/**
 * Adds a variable for each ragged column of times.
 *
 * @param file the file's name, for references.
 * @param notes receives what was assumed, and how to read the columns that are not read.
 */
export function addTrialEvents(
  variables: NamedVariables,
  { path, group }: NamedGroup,
  file: string,
  notes: string[],
): void {
  const { times, ragged, others } = sortColumns(group);
  const trials = readTrialTimes(group);
  const reference = (name: string) => `${file}#${path}/${name}`;
  const clocks = new Map(ragged.map((column) => [column, findClock(column, trials)]));
  for (const [column, clock] of clocks) {
    if (!clock) continue;
    const { name } = column;
    const dt = binWidth(column, trials);
    const ends = clock === 'trials' ? { ends: reference(`${name}_index`) } : {};
    const key = variables.add(name, `${path}/${name}`, { events: reference(name), ...ends, dt });
    const words = clock === 'trials' ? 'count from the start of their trial' : 'are session times';
    notes.push(
      `The values in ${path}/${name} ${words}: the variable ${key} is the rate of these events, which are counted in bins of ${dt} s. For other bins, set variables.${key}.dt in a dataset.yaml.`,
    );
  }
  const session = ragged.filter((column) => clocks.get(column) === 'session');
  const left = [...ragged.filter((column) => !clocks.get(column)), ...others];
  const note = (
    why: string,
    names: readonly string[],
    advised: readonly Advised[],
    stepWords: string,
  ) => {
    if (names.length === 0) return;
    const keyed = advised.map(
      ([name, variable]) => [variables.freeName(name, `${path}/${name}`), variable] as const,
    );
    const hasStep = keyed.some(([, variable]) => 'dt' in variable);
    const hint = hasStep ? `, where dt is ${stepWords}` : '';
    notes.push(
      `Columns of ${path} ${why} are left out: ${formatList(names, MAX_NAMED)}.${adviseVariables(keyed, hint)}`,
    );
  };
  note(
    'that do not have one value for each trial',
    left.map(({ name }) => name),
    left.flatMap((column) => adviseColumn(column, trials.starts.length, session, reference)),
    'the seconds from one value to the next',
  );
  note(
    'with a time for each trial',
    times,
    times.slice(0, 1).map((name) => [name, { events: reference(name), dt: usualBinWidth(trials) }]),
    'the width of the bins in which they are counted',
  );
}

/** A variable that a note advises: its name, and what stands under it. */
type Advised = readonly [name: string, variable: object];

function sortColumns(group: GroupNode): TrialColumns {
  const count = arrayMember(group, 'start_time')!.shape[0]!;
  const columns = {
    values: [] as string[],
    times: [] as string[],
    ragged: [] as RaggedColumn[],
    others: [] as Column[],
  };
  for (const [name, data] of group.members) {
    if (data.kind !== 'array' || /^(id|start_time|stop_time)$|_index$|timeseries/.test(name))
      continue;
    const divided = divideColumn(group, name, data, count);
    if (divided) columns.ragged.push({ name, data, ...divided });
    else if (data.shape.length !== 1 || data.shape[0] !== count || !isReadable(data))
      columns.others.push({ name, data });
    else if (name.endsWith('_time')) columns.times.push(name);
    else columns.values.push(name);
  }
  return columns;
}

/**
 * How indices divide a column into a list for each trial; undefined where there are none, or each
 * trial has exactly one value.
 */
function divideColumn(
  group: GroupNode,
  name: string,
  data: ArrayNode,
  trialCount: number,
): Pick<RaggedColumn, 'ends' | 'isSimple'> | undefined {
  const indices: Numbers[] = [];
  for (let key = `${name}_index`; arrayMember(group, key); key += '_index')
    indices.push(arrayMember(group, key)!.read() as Numbers);
  const outer = indices.at(-1);
  if (!outer || outer.length !== trialCount) return undefined;
  const ends = indices
    .slice(0, -1)
    .reduceRight((last, inner) => last.map((end) => (end === 0 ? 0 : inner[end - 1]!)), outer);
  const total = data.shape[0] ?? 0;
  if (!isAscending(ends) || ends.at(-1) !== total) return undefined;
  const hasOneEach = ends.every((end, trial) => end === trial + 1);
  return hasOneEach ? undefined : { ends, isSimple: indices.length === 1 };
}

function readTrialTimes(group: GroupNode): TrialTimes {
  const starts = arrayMember(group, 'start_time')!.read() as Numbers;
  const stops = arrayMember(group, 'stop_time')?.read() as Numbers | undefined;
  return { starts, stops: stops ?? starts.map((_, trial) => starts[trial + 1] ?? Number.NaN) };
}

/** The values of a column of numbers; none where it is anything else. */
function numbersIn({ data }: Column): Numbers {
  const isUsable =
    data.type === 'number' &&
    data.shape.length === 1 &&
    data.shape[0]! <= MAX_INSPECTED_VALUES &&
    isReadable(data);
  return isUsable ? (data.read() as Numbers) : new Float64Array();
}

/** A share of values that is nearly all of them. */
const NEARLY_ALL = 0.9;
/** A share of values that lie in the trials of others, of which that says nothing. */
const MAX_BY_CHANCE = 0.5;
/** Seconds by which a time may be before or after its trial. */
const NEAR = 1;
/** Names of columns that say that they are times. */
const TIMES_NAME = /(^|_)(times?|timestamps?|onsets?|offsets?)(_|$)/i;

/**
 * The clock that the values of a column are on. They are session times where nearly all lie in or
 * near their own trial, which they would not in another trial; or else, where their name says that
 * they are times, where they lie between 0 and the duration of their trial.
 *
 * @returns undefined where they are no times.
 */
function findClock(column: RaggedColumn, trials: TrialTimes): Clock | undefined {
  const { starts, stops } = trials;
  const { length } = starts;
  const isNearTrial = (time: number, trial: number) => {
    const [start, stop] = [starts[trial]!, stops[trial]!];
    const [before, after] = [stops[trial - 1], starts[trial + 1]];
    // Neighbors may be missing.
    const from = before !== undefined && before < start ? before : start;
    const to = after !== undefined && after > stop ? after : stop;
    return time >= from - NEAR && time <= to + NEAR;
  };
  const isNamed = TIMES_NAME.test(column.name);
  const inOwn = shareOfValues(column, isNearTrial);
  const half = Math.ceil(length / 2);
  const inOther = shareOfValues(column, (time, trial) =>
    isNearTrial(time, (trial + half) % length),
  );
  if (inOwn >= NEARLY_ALL && (isNamed || inOther <= MAX_BY_CHANCE)) return 'session';
  const sinceStart = shareOfValues(
    column,
    (time, trial) => time >= -NEAR && time <= stops[trial]! - starts[trial]! + NEAR,
  );
  return isNamed && column.isSimple && sinceStart >= NEARLY_ALL ? 'trials' : undefined;
}

/** The share of a column's values, without NaN, that are what is asked; 0 where it has none. */
function shareOfValues(
  column: RaggedColumn,
  isAsked: (value: number, trial: number) => boolean,
): number {
  let [count, total, trial] = [0, 0, 0];
  for (const [n, value] of numbersIn(column).entries()) {
    while (n >= column.ends[trial]!) trial += 1;
    if (Number.isNaN(value)) continue;
    total += 1;
    if (isAsked(value, trial)) count += 1;
  }
  return total === 0 ? 0 : count / total;
}

/** Seconds: widths of bins in which events may be counted. */
const BIN_WIDTHS = [0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
/** Events that follow another one within a bin are at most this share of all. */
const MAX_SHARED_BINS = 0.1;

/** The widest bin in which few events of a column follow another one, and that fits into trials. */
function binWidth(column: RaggedColumn, trials: TrialTimes): number {
  const times = numbersIn(column);
  const intervals: number[] = [];
  let first = 0;
  for (const end of column.ends) {
    const list = times.slice(first, end).sort();
    for (let n = 1; n < list.length; n++) intervals.push(list[n]! - list[n - 1]!);
    first = end;
  }
  const isFine = (dt: number) =>
    intervals.filter((interval) => interval < dt).length <= MAX_SHARED_BINS * times.length;
  const widest = usualBinWidth(trials);
  return BIN_WIDTHS.find((dt) => dt <= widest && isFine(dt)) ?? BIN_WIDTHS.at(-1)!;
}

/** The widest bin that fits into every trial. */
function usualBinWidth({ starts, stops }: TrialTimes): number {
  const durations = Array.from(starts, (start, trial) => stops[trial]! - start);
  const shortest = durations
    .filter((duration) => duration > 0)
    .reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return BIN_WIDTHS.find((dt) => dt <= shortest) ?? BIN_WIDTHS.at(-1)!;
}

/** At most this many columns of a matrix are advised. */
const MAX_COLUMNS = 4;

/**
 * What a column that is not read could be under `variables`: values at the times of a column that
 * is divided in the same way, samples within each trial or, of a matrix, a value for each trial.
 *
 * @param session ragged columns of session times.
 * @returns nothing where there is no way to read it.
 */
function adviseColumn(
  column: Column | RaggedColumn,
  trialCount: number,
  session: readonly RaggedColumn[],
  reference: (name: string) => string,
): Advised[] {
  const { name, data } = column;
  const [rows = 0, width, ...more] = data.shape;
  if (!isReadable(data) || data.shape.includes(0) || more.length > 0) return [];
  const place = placeValues(column, trialCount, session, reference);
  if (!place || (width === undefined && rows === trialCount && !('ends' in column))) return [];
  if (width === undefined) return [[name, { data: reference(name), ...place }]];
  return Array.from({ length: Math.min(width, MAX_COLUMNS) }, (_, n) => [
    `${name}_${n}`,
    { data: `${reference(name)}[:,${n}]`, ...place },
  ]);
}

/** Keys of a variable that say when the values of a column were; undefined where nothing does. */
function placeValues(
  column: Column | RaggedColumn,
  trialCount: number,
  session: readonly RaggedColumn[],
  reference: (name: string) => string,
): object | undefined {
  const { name, data } = column;
  if (!('ends' in column)) return data.shape[0] === trialCount ? { per_trial: true } : undefined;
  const { ends, isSimple } = column;
  const clock = session.find((other) => String(other.ends) === String(ends) && isRising(other));
  if (clock) return { times: reference(clock.name) };
  const isSampled = isSimple && data.type === 'number';
  return isSampled ? { ends: reference(`${name}_index`), dt: SAMPLE_STEP } : undefined;
}

/** Seconds from one value to the next, where nothing says so. */
const SAMPLE_STEP = 0.05;

/** Whether each value is larger than the one before it. */
function isRising(column: Column): boolean {
  const values = numbersIn(column);
  return values.every((value, n) => (n === 0 ? Number.isFinite(value) : value > values[n - 1]!));
}
