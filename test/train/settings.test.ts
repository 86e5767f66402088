import { describe, expect, it } from 'vitest';
import { parseTrainSettings, splitToChange, splitWithSeed } from '../../src/train/settings.js';

const FRACTIONS = { train: 0.7, validation: 0.1, test: 0.2 };
const parseSplit = (split: object) => parseTrainSettings({ split }).split;

describe('the trials of a split', () => {
  it.each<[string, unknown, number[]]>([
    ['a list of ids', [3, 1, 2], [1, 2, 3]],
    ['one id', 30, [30]],
    ['a text with ranges', '0-3, 30', [0, 1, 2, 3, 30]],
    ['a text with one id', '7', [7]],
    ['a list with ranges', ['0-2', 9], [0, 1, 2, 9]],
    ['a range that overlaps an id', '4 - 6,5', [4, 5, 6]],
    ['ids that are no whole numbers', [-1, 0.5], [-1, 0.5]],
  ])('can be %s', (_, train, expected) => {
    expect(parseSplit({ kind: 'trials', train }).train).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ['a range that ends before it starts', '9-3'],
    ['a word', 'all'],
    ['a text without ids', ''],
    ['a range without an end', '3-'],
    ['a range that would fill the memory', '0-99999999999'],
    ['a list of lists', [[1, 2]]],
    ['nothing', null],
    ['a number that is not finite', [Number.NaN]],
  ])('cannot be %s', (_, test) => {
    expect(() => parseSplit({ kind: 'trials', test })).toThrow(
      /^training\.split\.test should be a list of trial ids, or a text such as 0-27, 30, but is .*\.$/,
    );
  });

  it('replace fractions, which are the default without them', () => {
    expect(parseSplit({}).fractions).toEqual(FRACTIONS);
    expect(parseSplit({ kind: 'trials' }).fractions).toEqual(FRACTIONS);
    const listed = parseSplit({ kind: 'trials', test: '3-4' });
    expect(listed).toMatchObject({ kind: 'trials', test: [3, 4] });
    expect(listed).not.toHaveProperty('fractions');
    expect(listed).not.toHaveProperty('train');
  });

  it('are the same after they have been written to a file and read again', () => {
    for (const split of [{ kind: 'trials', train: '0-27', test: 31 }, { kind: 'blocks' }]) {
      const settings = parseTrainSettings({ split });
      expect(parseTrainSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
    }
  });

  it.each<[string, object, string]>([
    [
      'with fractions',
      { kind: 'trials', fractions: FRACTIONS, test: [1] },
      'training.split has both fractions and a list of trials (test): give one of them.',
    ],
    [
      'without kind: trials',
      { train: [0], test: [1] },
      'training.split.train lists trials, so training.split.kind should be trials, but is blocks.',
    ],
    [
      'with a trial in two lists',
      { kind: 'trials', train: '0-5', validation: [6], test: '5-8' },
      'training.split lists trial 5 for both train and test.',
    ],
    [
      'with an empty list for training',
      { kind: 'trials', train: [], test: [1] },
      'training.split.train should list at least one trial; left out, it is all trials that validation and test do not list.',
    ],
  ])('are refused %s, with the reason', (_, split, message) => {
    expect(() => parseSplit(split)).toThrow(
      expect.objectContaining({ name: 'ConfigError', message }),
    );
  });
});

describe('a split that starts from that of an earlier run', () => {
  const listed = parseTrainSettings({ seed: 3, split: { kind: 'trials', train: [0], test: [1] } });
  const drawn = parseTrainSettings({ seed: 4, split: { kind: 'trials', fractions: FRACTIONS } });
  /** The split after changes, as fine-tuning merges and checks it. */
  const changed = (earlier: typeof listed, changes: Record<string, unknown>) =>
    parseSplit({ ...splitToChange(earlier, changes), ...changes });

  it('is the same without changes, drawn by the earlier seed', () => {
    for (const earlier of [listed, drawn])
      expect(changed(earlier, {})).toEqual(splitWithSeed(earlier));
    expect(splitWithSeed(drawn).seed).toBe(4);
  });

  it('loses its fractions where trials are listed, and its lists where they no longer count', () => {
    expect(changed(drawn, { test: [5] })).not.toHaveProperty('fractions');
    expect(changed(drawn, { test: [5] }).test).toEqual([5]);
    for (const changes of [{ fractions: FRACTIONS }, { kind: 'blocks' }]) {
      const split = changed(listed, changes);
      expect(split.fractions).toEqual(FRACTIONS);
      expect(split).not.toHaveProperty('train');
    }
  });

  it('keeps the other lists where one changes', () => {
    expect(changed(listed, { validation: [2] })).toMatchObject({
      train: [0],
      validation: [2],
      test: [1],
    });
  });
});
