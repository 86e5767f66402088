import { describe, expect, it } from 'vitest';
import { fileNames, numberRepeated } from '../../src/text/file-names.js';
import { printable } from '../../src/text/printable.js';

describe('names of files', () => {
  it('keep letters and digits of any script', () => {
    expect(fileNames(['running_speed', 'скорость', '速度2', 'दिशा'])).toEqual([
      'running_speed',
      'скорость',
      '速度2',
      'दिशा',
    ]);
  });

  it('never leave their folder, and have no character that a file system refuses', () => {
    const names = ['../../etc/passwd', 'a/b', 'C:\\x', '.', '..', '', 'a\0b', 'x\ny', 'con*?"<>|'];
    for (const name of fileNames(names)) expect(name).toMatch(/^[\p{L}\p{N}_-]*$/u);
  });

  it('differ, also where a file system does not tell letters by case', () => {
    expect(fileNames(['speed', 'Speed', 'a b', 'a-b', 'a/b', 'é', 'e\u0301'])).toEqual([
      'speed',
      'Speed-2',
      'a-b',
      'a-b-2',
      'a-b-3',
      'é',
      'é-2',
    ]);
  });

  it('are short enough with a prefix, whatever the script', () => {
    for (const name of fileNames(['x'.repeat(300), '速'.repeat(300), '𝕏'.repeat(300)]))
      expect(new TextEncoder().encode(`confusion-${name}-100.svg`).length).toBeLessThan(255);
  });
});

describe('repeated names', () => {
  it('are numbered, also where a name already ends in that number', () => {
    expect(numberRepeated(['a', 'a', 'A', 'a_2', 'a'], '_')).toEqual([
      'a',
      'a_2',
      'A',
      'a_2_2',
      'a_3',
    ]);
  });
});

describe('printable text', () => {
  it('shows control characters and marks of direction as escapes', () => {
    expect(printable('a\u001b[31mb')).toBe('a\\u001b[31mb');
    expect(printable('\r\u0007\u009b\u202e\ud800')).toBe('\\u000d\\u0007\\u009b\\u202e\\ud800');
  });

  it('leaves line breaks, tabs and letters of any script', () => {
    const text = 'a\tb\nскорость 速度 𝕏 é';
    expect(printable(text)).toBe(text);
  });
});
