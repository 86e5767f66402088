/**
 * Guesses what an NWB 2 file (https://nwb-schema.readthedocs.io) contains, and writes it as a
 * description.
 */

import type { ArrayNode, GroupNode, Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { formatList } from '../text/format.js';
import { formatYamlEntry, formatYamlLine } from '../text/yaml.js';
import { isOneDimensional } from './files.js';
import {
  adviseVariables,
  type GuessedDescription,
  guessSessionStart,
  NamedVariables,
  OWN_RULE,
} from './guess.js';
import { addBehavior, adviseSeries, BEHAVIOR_PLACE, isBehaviorSeries } from './nwb-behavior.js';
import {
  arrayMember,
  hasSamples,
  isReadable,
  listGroups,
  type NamedGroup,
  seriesClock,
  TRACE_TYPES,
  unwrapSingle,
} from './nwb-groups.js';
import { chooseTables, describeTable, hasStops, haveOverlaps } from './nwb-intervals.js';
import { addTrialEvents, addTrialValues } from './nwb-trial-columns.js';

/**
 * At least this many series whose names differ only in a number are read as the traces of neurons.
 */
const MIN_TRACES = 5;

/** Whether the root of an HDF5 file says that it is NWB, of any version. */
export function isNwb(root: GroupNode): boolean {
  return (
    unwrapSingle(root.attributes.neurodata_type) === 'NWBFile' ||
    'nwb_version' in root.attributes ||
    root.members.has('nwb_version')
  );
}

/**
 * Guesses the description of an NWB file: its units, or else traces of neurons; its trials and
 * other intervals; and behavior wherever it is stored.
 *
 * @param file the file's name, for references.
 * @param trialsTable the table of intervals whose rows are the trials. Default: that called trials.
 * @throws RecordingError where the file has neither units nor traces, is not NWB 2, or has no such
 *   table.
 */
export function guessFromNwb(
  root: GroupNode,
  file: string,
  trialsTable?: string,
): GuessedDescription {
  checkVersion(root, file);
  const groups = listGroups(root);
  const notes: string[] = [];
  const units = findUnits(groups, file, notes);
  const traces = units ? undefined : findTraces(groups, file, notes);
  const spikes = units ? describeUnits(units, file) : traces?.spikes;
  if (!spikes) {
    throw new RecordingError(
      `${file} contains neither units with spike times nor traces of neurons, so there are no spikes to train on.`,
    );
  }
  const otherGroups = groups.filter((namedGroup) => !traces?.used.includes(namedGroup));
  const { trials, others, epochs } = chooseTables(groups, file, trialsTable);
  const startsAndStops = ({ path }: NamedGroup, index = '') => ({
    starts: `${file}#${path}/start_time${index}`,
    stops: `${file}#${path}/stop_time${index}`,
  });
  if (epochs) {
    const advice = hasStops(epochs)
      ? ` To use the first, add under intervals in a dataset.yaml: ${formatYamlEntry('epoch0', startsAndStops(epochs, '[0:1]'))}; [1:2] is the second.`
      : '';
    notes.push(
      `The table ${epochs.path} is not read, as its rows are different stages of the session.${advice}`,
    );
  }
  if (!trials && others.length > 0) {
    notes.push(
      `No table of intervals is named trials, so the session is one trial. The rows of another table (${others.map(({ name }) => name).join(', ')}) become trials, and its columns variables, where it is chosen as trials: --trials ${others[0]!.name}.`,
    );
  }
  const intervals = others.map((table) => [table.name, startsAndStops(table)] as const);
  const variables = new NamedVariables();
  if (trials) addTrialValues(variables, trials, file);
  addBehavior(otherGroups, file, variables, notes);
  if (trials) addTrialEvents(variables, trials, file, notes);
  noteUnread(root, otherGroups, file, variables, notes);
  return {
    rawDescription: {
      // With trials there is nothing to guess: they state when something was recorded.
      ...(units && !trials && guessSessionStart(...recordedSpan(groups, units), notes)),
      spikes,
      ...variables.describe(),
      ...(trials && {
        trials: hasStops(trials)
          ? { ...startsAndStops(trials), ...(haveOverlaps(trials) && { overlaps: 'cut' }) }
          : { starts: `${file}#${trials.path}/start_time` },
      }),
      ...(intervals.length > 0 && { intervals: Object.fromEntries(intervals) }),
    },
    notes,
    tables: [...others, ...(epochs ? [epochs] : [])].map(describeTable),
  };
}

/** At most this many parts that are not read are named. */
const MAX_UNREAD_NAMED = 8;

/** Notes series that are no behavior, and links that lead nowhere, so that nothing is missed. */
function noteUnread(
  root: GroupNode,
  groups: readonly NamedGroup[],
  file: string,
  variables: NamedVariables,
  notes: string[],
): void {
  const note = (unread: readonly string[], why: string, advice = '') => {
    if (unread.length > 0) notes.push(`${why}: ${formatList(unread, MAX_UNREAD_NAMED)}.${advice}`);
  };
  const series = groups.filter(
    (group) => group.types.some((type) => type.endsWith('Series')) && !isRead(group),
  );
  note(
    series.map(({ path, types: [type] }) => `${path} (${type})`),
    'Series that are not read, because they are no behavior or have no samples',
    adviseVariables(series.flatMap((group) => adviseSeries(group, file, variables))),
  );
  const everywhere = [{ path: '', group: root }, ...groups];
  const links = everywhere.flatMap(({ path, group }) =>
    [...group.members].flatMap(([name, node]) => {
      const problem = node.kind === 'array' ? brokenLink(node) : undefined;
      return problem === undefined ? [] : [`${path ? `${path}/` : ''}${name} (${problem})`];
    }),
  );
  note(links, 'Links that cannot be followed, so that what they lead to is not read');
}

/** Whether a series is behavior that has been read, or left out with a note of its own. */
function isRead(group: NamedGroup): boolean {
  return isBehaviorSeries(group) && BEHAVIOR_PLACE.test(group.path);
}

/** Where a link that cannot be followed leads; undefined for any other array. */
function brokenLink({ shape, read }: ArrayNode): string | undefined {
  if (shape.length > 0) return undefined;
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error;
    return /it is a (link to .*?)\.?$/.exec(error.message)?.[1];
  }
}

/**
 * @throws RecordingError where a file is not NWB 2. NWB 1 has its version in a dataset, NWB 2 in an
 *   attribute.
 */
function checkVersion(root: GroupNode, file: string): void {
  const attribute = unwrapSingle(root.attributes.nwb_version);
  const dataset = root.members.get('nwb_version');
  const text =
    typeof attribute === 'string'
      ? attribute
      : dataset?.kind === 'array'
        ? String(dataset.read()[0])
        : '';
  const version = /\d[\d.]*/.exec(text)?.[0] ?? '';
  if (version.startsWith('2')) return;
  throw new RecordingError(
    `${file} is NWB ${version || 'of an unknown version'}, but only NWB 2 is supported: ask its authors for an NWB 2 file, or name its arrays by path in a dataset.yaml, such as ${formatYamlEntry('spikes', { lists: `${file}#${unitsOfVersion1(root)}` })}.`,
  );
}

/** A pattern of the spike times of units in NWB 1, where each has a group, such as `unit_3`. */
function unitsOfVersion1(root: GroupNode): string {
  const unit = listGroups(root).find(
    ({ path, group }) => /UnitTimes\/[^/]*\d+$/.test(path) && arrayMember(group, 'times'),
  );
  return unit ? `${unit.path.replace(/\d+$/, '*')}/times` : 'processing/NAME/UnitTimes/*/times';
}

/** At most this many units are read to find when the session started. */
const MAX_UNITS_READ = 200;

/**
 * The times in seconds of whatever was recorded first, spikes or behavior, and of the last spike,
 * judged by the first MAX_UNITS_READ units. [0, 1] where nothing was recorded.
 */
function recordedSpan(
  groups: readonly NamedGroup[],
  { group: units }: NamedGroup,
): [first: number, last: number] {
  const times = arrayMember(units, 'spike_times')!;
  const ends = arrayMember(units, 'spike_times_index')!.read() as Numbers;
  const total = times.shape[0] ?? 0;
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (let unit = 0; unit < Math.min(ends.length, MAX_UNITS_READ); unit++) {
    const [from, to] = [unit === 0 ? 0 : ends[unit - 1]!, ends[unit]!];
    if (!(from < to && to <= total)) continue;
    first = Math.min(first, Number(times.read(from, from + 1)[0]));
    last = Math.max(last, Number(times.read(to - 1, to)[0]));
  }
  for (const { group } of groups.filter(isBehaviorSeries)) {
    const clock = arrayMember(group, 'timestamps') ?? arrayMember(group, 'starting_time');
    first = Math.min(first, Number(clock?.read(0, 1)[0] ?? first));
  }
  return Number.isFinite(first) ? [first, last] : [0, 1];
}

/**
 * Finds the table of units: the standard one at `units`, or else any table with spike times and
 * their index.
 */
function findUnits(
  groups: readonly NamedGroup[],
  file: string,
  notes: string[],
): NamedGroup | undefined {
  const tables = groups.filter(
    ({ group }) => arrayMember(group, 'spike_times') && arrayMember(group, 'spike_times_index'),
  );
  const [table] = [...tables].sort(
    (p, q) => Number(q.path === 'units') - Number(p.path === 'units'),
  );
  if (!table) return undefined;
  if (tables.length > 1) {
    notes.push(
      `${tables.length} tables of units were found; only ${table.path} is read (skipped: ${otherPaths(tables, table)}). To read another, put it into a dataset.yaml, such as ${formatYamlEntry('spikes', describeUnits(tables.find((other) => other !== table)!, file))}.`,
    );
  }
  return table;
}

/** The paths of all groups but one, in the words of a message. */
function otherPaths(groups: readonly NamedGroup[], chosen: NamedGroup): string {
  const others = groups.filter((group) => group !== chosen);
  return others.map(({ path }) => path).join(', ');
}

/** The `spikes` of a description for a table of units. */
function describeUnits({ path, group }: NamedGroup, file: string): object {
  const column = unitNameColumn(group);
  return {
    times: `${file}#${path}/spike_times`,
    ends: `${file}#${path}/spike_times_index`,
    padding: 'nan',
    ...describeObserved(path, group, file),
    ...(column !== undefined && { names: `${file}#${path}/${column}` }),
  };
}

/** The `observed` key of `spikes`, where the units were observed at some times only. */
function describeObserved(path: string, group: GroupNode, file: string): object {
  const intervals = arrayMember(group, 'obs_intervals');
  const ends = arrayMember(group, 'obs_intervals_index');
  const units = arrayMember(group, 'spike_times_index')!.shape[0];
  if (intervals?.shape[1] !== 2 || ends?.shape[0] !== units) return {};
  const reference = `${file}#${path}/obs_intervals`;
  return { observed: { intervals: reference, ends: `${reference}_index` } };
}

/**
 * The column with the names of the units: `unit_name`, or `id` where ids differ from the indices of
 * the units.
 */
function unitNameColumn(group: GroupNode): 'unit_name' | 'id' | undefined {
  const unitCount = arrayMember(group, 'spike_times_index')!.shape[0];
  const usableColumn = (name: string) => {
    const array = arrayMember(group, name);
    return array?.shape.length === 1 && array.shape[0] === unitCount && isReadable(array)
      ? array
      : undefined;
  };
  if (usableColumn('unit_name')) return 'unit_name';
  const ids = usableColumn('id')?.read();
  return ids && Array.from<unknown>(ids).some((id, index) => id !== index) ? 'id' : undefined;
}

/**
 * Finds traces of neurons: a matrix of fluorescence, by preference deconvolved, or a series for
 * each neuron. Notes the rule by which events are found in them.
 *
 * @returns the `spikes` of a description, and the groups that are not behavior, because they
 *   contain traces.
 */
function findTraces(
  groups: readonly NamedGroup[],
  file: string,
  notes: string[],
): { spikes: object; used: readonly NamedGroup[] } | undefined {
  const series = groups.filter(({ group }) => seriesClock(group, '', '') && hasSamples(group));
  return findTraceMatrix(series, file, notes) ?? findTraceFamily(series, file, notes);
}

/** Finds a matrix of [bins, neurons] with the neurodata type of traces. */
function findTraceMatrix(
  series: readonly NamedGroup[],
  file: string,
  notes: string[],
): { spikes: object; used: readonly NamedGroup[] } | undefined {
  const matrices = series.filter(
    ({ group, types }) =>
      types.some((type) => TRACE_TYPES.includes(type)) &&
      arrayMember(group, 'data')!.shape.length === 2,
  );
  const deconvolved = matrices.find(({ path }) => /deconv|spike/i.test(path));
  const matrix = deconvolved ?? matrices.find(({ path }) => /df|fluor/i.test(path)) ?? matrices[0];
  if (!matrix) return undefined;
  const isDeconvolved = deconvolved !== undefined;
  noteEventRule(matrix.path, notes, isDeconvolved);
  if (matrices.length > 1) {
    notes.push(
      `${matrices.length} arrays of traces were found; only ${matrix.path} is read (skipped: ${otherPaths(matrices, matrix)}). To read several on the same clock, list them in a dataset.yaml: spikes.traces: ${formatYamlLine(matrices.map(({ path }) => `${file}#${path}/data`))}.`,
    );
  }
  const spikes = {
    traces: `${file}#${matrix.path}/data`,
    axes: isTransposed(matrix.group) ? ['neurons', 'bins'] : ['bins', 'neurons'],
    event: isDeconvolved ? { above: 0, each: true } : THRESHOLD_RULE,
    ...seriesClock(matrix.group, file, matrix.path),
  };
  return { spikes, used: matrices };
}

/**
 * Whether a matrix of traces has a row for each region, which NWB does not allow but some programs
 * write: its list of regions, or its timestamps, are as long as the wrong axis.
 */
function isTransposed(group: GroupNode): boolean {
  const [rows, columns] = arrayMember(group, 'data')!.shape;
  const regions = arrayMember(group, 'rois')?.shape[0];
  const samples = arrayMember(group, 'timestamps')?.shape[0];
  if (rows === columns) return false;
  return samples !== undefined ? samples === columns : regions === rows;
}

/**
 * Finds the largest family of one-dimensional series whose paths differ only in a number at the
 * end.
 */
function findTraceFamily(
  series: readonly NamedGroup[],
  file: string,
  notes: string[],
): { spikes: object; used: readonly NamedGroup[] } | undefined {
  const families = new Map<string, NamedGroup[]>();
  for (const namedGroup of series) {
    if (!isOneDimensional(arrayMember(namedGroup.group, 'data')!.shape)) continue;
    const pattern = namedGroup.path.replace(/\d+$/, '*');
    families.set(pattern, [...(families.get(pattern) ?? []), namedGroup]);
  }
  const [largest] = [...families].sort(([, p], [, q]) => q.length - p.length);
  if (!largest || largest[1].length < MIN_TRACES) return undefined;
  const [pattern, family] = largest;
  const [trace] = family as [NamedGroup, ...NamedGroup[]];
  noteEventRule(pattern, notes, false);
  const clock = seriesClock(trace.group, file, trace.path);
  return {
    spikes: { traces: `${file}#${pattern}/data`, event: THRESHOLD_RULE, ...clock },
    used: family,
  };
}

const THRESHOLD_RULE = { above: 3, in: 'deviations' };

function noteEventRule(path: string, notes: string[], isDeconvolved: boolean): void {
  const rule = isDeconvolved
    ? 'every sample above 0 is an event'
    : 'an event is where a trace rises more than 3 robust standard deviations above its median';
  notes.push(
    `There are no units, so events in the traces at ${path} are used as spikes: ${rule}. ${OWN_RULE}`,
  );
}
