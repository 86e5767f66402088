import { describe, expect, it } from 'vitest';
import { calledAs, commandLine } from '../../src/cli/called-as.js';

describe('the name of the program', () => {
  it('is how it was called: by npx, or by itself', () => {
    expect(calledAs({})).toBe('neuroformer');
    const byNpx = { npm_lifecycle_event: 'npx' };
    for (const script of ['neuroformer', '"neuroformer" "train"', "'neuroformer' 'train'"])
      expect(calledAs({ ...byNpx, npm_lifecycle_script: script })).toBe('npx neuroformer');
    // Another program that npx runs may have started it.
    expect(calledAs({ ...byNpx, npm_lifecycle_script: 'vitest run neuroformer' })).toBe(
      'neuroformer',
    );
    expect(calledAs({ npm_lifecycle_event: 'test', npm_lifecycle_script: 'neuroformer' })).toBe(
      'neuroformer',
    );
  });

  it('stands before words that can be typed as they are', () => {
    expect(commandLine('report', 'runs/hub')).toBe('neuroformer report runs/hub');
    expect(commandLine('train', '--resume', 'my runs/a')).toBe(
      'neuroformer train --resume "my runs/a"',
    );
    expect(commandLine('report', '$a"b')).toBe('neuroformer report "\\$a\\"b"');
    expect(commandLine('report', '走る')).toBe('neuroformer report "走る"');
  });
});
