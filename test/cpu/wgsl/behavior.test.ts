import { describe, expect, it } from 'vitest';
import { behaviors } from '../../../src/cpu/wgsl/rules/behavior.js';
import { checkShader } from './shaders.js';

/** The behaviors of statements in the body of a loop (WGSL section 9.7). */
function behaviorNames(statements: string): string[] {
  const { functions } = checkShader(
    `fn f(a: bool, n: i32) { loop { if a { break; } { ${statements} } } }`,
  );
  const [loop] = functions.get('f')!.body;
  if (loop?.kind !== 'loop') throw new Error('The function does not begin with a loop.');
  const block = loop.body.at(-1)!;
  return [...behaviors([block])].sort();
}

describe('the behaviors of statements', () => {
  it.each([
    ['', ['next']],
    ['_ = n;', ['next']],
    ['return;', ['return']],
    ['break;', ['break']],
    ['continue;', ['continue']],
    ['return; break;', ['return']],
    ['if a { return; }', ['next', 'return']],
    ['if a { return; } else { break; }', ['break', 'return']],
    ['if a { return; } continue;', ['continue', 'return']],
    ['if true { return; }', ['next', 'return']],
    ['if false { break; } else { return; }', ['break', 'return']],
    ['switch n { case 1 { return; } default { continue; } }', ['continue', 'return']],
    ['switch n { case 1 { break; } default { return; } }', ['next', 'return']],
    ['switch n { default { } }', ['next']],
    ['loop { break; }', ['next']],
    ['loop { return; }', ['return']],
    ['loop { if a { break; } return; }', ['next', 'return']],
    ['loop { if a { continue; } return; }', ['return']],
    ['loop { return; continuing { break if a; } }', ['return']],
    ['loop { continuing { break if a; } }', ['next']],
    ['while a { return; }', ['next', 'return']],
    ['while true { return; }', ['next', 'return']],
    ['for (;;) { return; }', ['return']],
    ['for (; a;) { continue; }', ['next']],
  ])('%s', (statements, expected) => {
    expect(behaviorNames(statements)).toEqual(expected);
  });
});
