/** Behaviour in an NWB file: series and tables with a clock, wherever they are. */

import { type ArrayNode, elementCount, type GroupNode, type Numbers } from '../formats/nodes.js';
import { isLine } from './files.js';
import { variableName } from './guess.js';
import {
  arrayIn,
  type NamedGroup,
  neurodataType,
  numbersIn,
  seriesClock,
  single,
  TRACE_TYPES,
} from './nwb-groups.js';

/** Series that are no behaviour: raw signals, images, pointers, and events without a value of their own. */
const NOT_BEHAVIOR =
  /Electrical|Image|Optical|TwoPhoton|OnePhoton|Index|Decomposition|Interval|Annotation|Patch|Clamp/;
/** A series of more columns is no variable but an array of them. */
const MAX_COLUMNS = 4;
const AXES = ['x', 'y', 'z'];

/** Series of behaviour, and tables whose columns have a clock, by names of their own. */
export function behaviorVariables(
  all: readonly NamedGroup[],
  file: string,
  notes: string[],
): Record<string, object> {
  const variables: Record<string, object> = {};
  const add = (name: string, place: string, variable: object) => {
    let key = variableName(name);
    // Two series of one name, such as those of two eyes, go by the group they are in, too.
    if (key in variables) key = variableName(`${place.split('/').at(-2) ?? ''}_${key}`);
    if (!(key in variables)) variables[key] = variable;
  };
  for (const found of all) {
    const { path, name, group } = found;
    if (!/^(processing|acquisition)\//.test(path)) continue;
    if (isBehavior(found)) {
      if (columnsIn(group) > MAX_COLUMNS) {
        notes.push(
          `${path} has ${columnsIn(group)} columns, more than a variable has: name those you want under variables of a dataset.yaml.`,
        );
        continue;
      }
      if (!rises(arrayIn(group, 'timestamps'))) {
        notes.push(
          `The times of ${path} do not rise from each to the next, as those of a variable would: it is left out.`,
        );
        continue;
      }
      const shared = describeSeries(found, file, notes);
      for (const { column, index } of seriesColumns(arrayIn(group, 'data')!))
        add(`${name}${column}`, path, { data: `${file}#${path}/data${index}`, ...shared });
    } else if (neurodataType(group) === 'DynamicTable' && arrayIn(group, 'timestamps')) {
      for (const [column, part] of group.members)
        if (isColumn(column, part as ArrayNode, arrayIn(group, 'timestamps')!))
          add(`${name}_${column}`, path, tableColumn(file, path, column, part as ArrayNode, notes));
    }
  }
  return variables;
}

export function isBehavior({ group, within }: NamedGroup): boolean {
  const type = neurodataType(group);
  if (!type.endsWith('Series') || NOT_BEHAVIOR.test(type) || TRACE_TYPES.includes(type))
    return false;
  if (
    within.some((around) =>
      /BehavioralEvents|Fluorescence|DfOverF|ElectricalSeries|LFP/.test(around),
    )
  )
    return false;
  return numbersIn(group) && seriesClock(group, '', '') !== undefined;
}

/** Numbers of each sample. */
function columnsIn(group: GroupNode): number {
  const { shape } = arrayIn(group, 'data')!;
  return isLine(shape) ? 1 : elementCount(shape.slice(1));
}

function rises(clock: ArrayNode | undefined): boolean {
  if (!clock) return true;
  const times = clock.read() as Numbers;
  return times.every((time, n) => n === 0 || time > times[n - 1]!);
}

/** What each column is called, and how it is picked. */
function seriesColumns({ shape }: ArrayNode): { column: string; index: string }[] {
  if (isLine(shape)) return [{ column: '', index: '' }];
  return Array.from({ length: shape[1]! }, (_, n) => ({
    column: `_${AXES[n] ?? n}`,
    index: `[:,${n}]`,
  }));
}

/** What all columns of a series have in common: clock, unit, scale, and what is done where samples are missing. */
function describeSeries({ path, group }: NamedGroup, file: string, notes: string[]): object {
  const data = arrayIn(group, 'data')!;
  const of = (name: string) => single(data.attributes[name]);
  const factor = (name: string, none: number) => {
    const value = of(name) ?? none;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    notes.push(`The ${name} of ${path} is ${value}, which is taken for ${none}.`);
    return none;
  };
  const [conversion, offset, unit] = [factor('conversion', 1), factor('offset', 0), of('unit')];
  const clock = arrayIn(group, 'timestamps')
    ? { times: `${file}#${path}/timestamps` }
    : seriesClock(group, file, path);
  return {
    ...clock,
    ...(conversion !== 1 && { scale: conversion }),
    ...(offset !== 0 && { offset }),
    ...(typeof unit === 'string' && /\w/.test(unit) && unit !== 'none' && { unit }),
    ...filled(path, data, notes),
  };
}

function isColumn(name: string, part: ArrayNode, clock: ArrayNode): boolean {
  return (
    part.kind === 'array' &&
    part.type === 'number' &&
    name !== 'id' &&
    name !== 'timestamps' &&
    part.shape.length === 1 &&
    part.shape[0] === clock.shape[0]
  );
}

function tableColumn(
  file: string,
  path: string,
  column: string,
  part: ArrayNode,
  notes: string[],
): object {
  return {
    data: `${file}#${path}/${column}`,
    times: `${file}#${path}/timestamps`,
    ...filled(`${path}/${column}`, part, notes),
  };
}

/** Samples that are missing are drawn over, and it is said. */
function filled(path: string, part: ArrayNode, notes: string[]): object {
  const values = part.read() as Numbers;
  let missing = 0;
  for (const value of values) if (!Number.isFinite(value)) missing += 1;
  if (missing === 0) return {};
  notes.push(
    `${missing} of ${values.length} samples of ${path} are no numbers; lines are drawn between their neighbours.`,
  );
  return { missing: 'interpolate' };
}
