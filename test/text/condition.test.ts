import { describe, expect, it } from 'vitest';
import { Condition } from '../../src/text/condition.js';

const holds = (text: string, ...values: (number | string)[]) => {
  const condition = new Condition(text);
  return values.map((value) => condition.holds(value));
};

describe('a condition', () => {
  it('compares numbers', () => {
    expect(holds('speed > 2', 1, 2, 3)).toEqual([false, false, true]);
    expect(holds('speed>=2', 1, 2, 3)).toEqual([false, true, true]);
    expect(holds('speed < -0.5', -1, -0.5, 0)).toEqual([true, false, false]);
    expect(holds('speed <= 2e1', 20, 21)).toEqual([true, false]);
    expect(holds('accuracy == 1', 1, 0, '1', '1.0')).toEqual([true, false, true, true]);
    expect(holds('accuracy != 1', 1, 0)).toEqual([false, true]);
  });

  it('compares texts, in quotes or without', () => {
    for (const text of ['outcome == hit', "outcome == 'hit'", 'outcome=="hit"'])
      expect(holds(text, 'hit', 'miss', 3)).toEqual([true, false, false]);
    expect(holds('outcome != hit', 'hit', 'miss')).toEqual([false, true]);
    expect(holds('图像 == 山 水', '山 水', '山')).toEqual([true, false]);
  });

  it('may be on an absolute value', () => {
    const condition = new Condition(' |velocity|  >  2');
    expect(condition.name).toBe('velocity');
    expect(condition.text).toBe('|velocity| > 2');
    expect([-3, -1, 3].map((value) => condition.holds(value))).toEqual([true, false, true]);
  });

  it('fails where the value is missing', () => {
    expect(holds('speed != 2', Number.NaN, '')).toEqual([false, false]);
    expect(holds('speed < 2', Number.NaN)).toEqual([false]);
  });

  it.each(['', 'speed', '> 2', 'speed >', 'speed = 2', '|| > 2', '=='])(
    'is refused with a sentence: %j',
    (text) => {
      expect(() => new Condition(text)).toThrow(
        `"${text}" is no condition: write a name, one of >, >=, <, <=, == and !=, and a value, such as speed > 2.`,
      );
    },
  );

  it('does not compare texts by size', () => {
    expect(() => new Condition('outcome > hit')).toThrow(
      '"outcome > hit" compares with hit, which is no number: compare texts with == or !=.',
    );
  });
});
