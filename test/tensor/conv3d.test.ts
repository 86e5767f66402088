import { describe, expect, it } from 'vitest';
import { ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/conv3d.js';
import { conv3d, type Triple, unfold3d } from '../../src/tensor/conv3d.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkOp,
  checkReference,
  expectShapeErrors,
  type OpCase,
  printWorstErrors,
  usedTwice,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

interface Setup {
  /** [B, C, frames, height, width] */
  video: readonly [number, number, number, number, number];
  out: number;
  kernel: Triple;
  stride: Triple;
  padding?: Triple;
}

/**
 * Sizes of one; strides below, equal to and above the kernel; unused borders; sizes around 4, 16
 * and 32; long videos.
 */
const SETUPS: readonly Setup[] = [
  { video: [1, 1, 1, 1, 1], out: 1, kernel: [1, 1, 1], stride: [1, 1, 1] },
  { video: [1, 1, 4, 5, 6], out: 2, kernel: [4, 5, 6], stride: [1, 1, 1] },
  { video: [2, 1, 5, 4, 3], out: 3, kernel: [2, 2, 2], stride: [1, 1, 1] },
  { video: [1, 2, 7, 9, 8], out: 4, kernel: [3, 3, 3], stride: [2, 2, 2] },
  { video: [3, 1, 6, 8, 10], out: 5, kernel: [2, 4, 5], stride: [2, 4, 5] },
  { video: [1, 1, 9, 10, 11], out: 4, kernel: [1, 2, 2], stride: [3, 3, 4] },
  { video: [2, 3, 3, 15, 17], out: 8, kernel: [1, 4, 4], stride: [2, 3, 1] },
  { video: [1, 1, 2, 16, 16], out: 16, kernel: [1, 4, 4], stride: [1, 4, 4] },
  { video: [1, 1, 2, 31, 33], out: 15, kernel: [2, 8, 8], stride: [1, 8, 8] },
  { video: [1, 2, 300, 3, 2], out: 3, kernel: [4, 3, 2], stride: [3, 1, 1] },
  { video: [1, 1, 1, 1, 1], out: 2, kernel: [2, 3, 3], stride: [1, 1, 1], padding: [1, 1, 2] },
  { video: [2, 2, 3, 5, 4], out: 3, kernel: [3, 3, 3], stride: [1, 2, 3], padding: [1, 2, 0] },
  { video: [1, 1, 4, 16, 17], out: 4, kernel: [1, 8, 8], stride: [1, 4, 5], padding: [0, 3, 7] },
];

function setupLabel({ video, out, kernel, stride, padding }: Setup): string {
  const zeros = padding ? `, padded by ${padding.join(', ')}` : '';
  return `${video.join(' x ')}, ${out} of ${kernel.join(' x ')} every ${stride.join(', ')}${zeros}`;
}

function unfoldCase({ video, kernel, stride, padding }: Setup): OpCase<'video'> {
  return {
    name: 'unfold3d',
    kind: 'elementwise',
    inputs: { video },
    run: ({ video }) => unfold3d(video, kernel, stride, padding).patches,
    forward: ({ video }) => reference.unfold3d(video, kernel, stride, padding),
    backward: ({ video }, dpatches) => ({
      video: reference.unfold3dBackward(video, kernel, stride, dpatches, padding),
    }),
  };
}

type ConvInputs = 'video' | 'weight' | 'bias';

function convCase({ video, out, kernel, stride, padding }: Setup): OpCase<ConvInputs> {
  return {
    name: 'conv3d',
    kind: 'product',
    inputs: { video, weight: [out, video[1], ...kernel], bias: [out] },
    run: ({ video, weight, bias }) => conv3d(video, weight, bias, stride, padding).out,
    forward: (refs) => reference.conv3d(refs, stride, padding),
    backward: (refs, dout) => ({ ...reference.conv3dBackward(refs, stride, dout, padding) }),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of its patches and convolutions', () => {
    for (const setup of [...SETUPS.slice(0, 6), ...SETUPS.slice(-3)]) {
      checkReference(unfoldCase(setup));
      checkReference(convCase(setup));
    }
  });
});

for (const [variant, options] of [
  ['direct kernels', {}],
  ['staged kernels', { tuning: STAGED }],
] as const) {
  describe(`video patches and convolutions, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const setup of SETUPS) {
      it(`equal the reference at ${setupLabel(setup)}, with their gradients`, async () => {
        await checkOp(engine(), unfoldCase(setup));
        await checkOp(engine(), convCase(setup));
      });
    }

    it('add up the gradients of a video and of weights used twice', async () => {
      await checkOp(engine(), usedTwice(unfoldCase(SETUPS[3]!)));
      await checkOp(engine(), usedTwice(convCase(SETUPS[3]!)));
    });

    it('give frozen inputs no gradient', async () => {
      await checkOp(engine(), { ...unfoldCase(SETUPS[2]!), constant: ['video'] });
      for (const constant of [['video'], ['weight'], ['bias'], ['video', 'bias']] as const)
        await checkOp(engine(), { ...convCase(SETUPS[2]!), constant });
    });

    it('work without a bias', async () => {
      const setup = SETUPS[2]!;
      const withBias = convCase(setup);
      const zeroBias = ref([setup.out]);
      await checkOp<'video' | 'weight'>(engine(), {
        name: 'conv3d, no bias',
        kind: 'product',
        inputs: { video: withBias.inputs.video, weight: withBias.inputs.weight },
        run: ({ video, weight }) => conv3d(video, weight, undefined, setup.stride).out,
        forward: (refs) => reference.conv3d({ ...refs, bias: zeroBias }, setup.stride),
        backward: (refs, dout) => {
          const { video, weight } = reference.conv3dBackward(
            { ...refs, bias: zeroBias },
            setup.stride,
            dout,
          );
          return { video, weight };
        },
      });
    });
  });
}

describe('video patches', () => {
  const engine = useEngine();
  const floats = (...shape: number[]) => Tensor.zeros(engine(), shape);
  const words = (...shape: number[]) => Tensor.zeros(engine(), shape, 'u32');

  it('report their number along time, height and width', () => {
    const { grid, patches } = unfold3d(floats(2, 3, 5, 9, 8), [2, 3, 4], [1, 2, 3]);
    expect(grid).toEqual([4, 4, 2]);
    expect(patches.shape).toEqual([2, 32, 72]);
    const convolved = conv3d(floats(2, 3, 5, 9, 8), floats(7, 3, 2, 3, 4), undefined, [1, 2, 3]);
    expect(convolved.grid).toEqual([4, 4, 2]);
    expect(convolved.out.shape).toEqual([2, 32, 7]);
  });

  it('name the invalid argument, the expected and the actual value in the error', () => {
    const video = floats(1, 2, 3, 4, 5);
    const weight = floats(6, 2, 1, 2, 2);
    const ones = [1, 1, 1] as const;
    const invalid = (kernel: Triple, stride: Triple, padding: Triple = [0, 0, 0]) => {
      const extent = [3, 4, 5].map((length, axis) => length + 2 * padding[axis]!);
      return [
        () => unfold3d(video, kernel, stride, padding),
        'unfold3d: kernel, stride and padding should be positive, the kernel within ' +
          `[${extent.join(', ')}] and above the padding, ` +
          `but is [${kernel.join(', ')}], [${stride.join(', ')}] and [${padding.join(', ')}].`,
      ] as const;
    };
    const axes = '[B, channels, frames, height, width]';
    expectShapeErrors([
      invalid([4, 1, 1], ones),
      invalid([1, 5, 1], ones),
      invalid([1, 1, 6], ones),
      invalid([0, 1, 1], ones),
      invalid(ones, [1, 0, 1]),
      invalid(ones, [1, 1, 1.5]),
      invalid([1, Number.NaN, 1], ones),
      invalid([2, 2, 2], ones, [0, 2, 0]),
      invalid([2, 2, 2], ones, [0, 0, -1]),
      invalid([2, 2, 2], ones, [0.5, 0, 0]),
      [
        () => unfold3d(floats(2, 3, 4, 5), ones, ones),
        `unfold3d: video should be ${axes}, but is [2, 3, 4, 5].`,
      ],
      [
        () => unfold3d(words(1, 2, 3, 4, 5), ones, ones),
        'unfold3d: video should be of type f32, but is u32.',
      ],
      [
        () => conv3d(floats(3, 4, 5), weight, undefined, ones),
        `conv3d: video should be ${axes}, but is [3, 4, 5].`,
      ],
      [
        () => conv3d(video, floats(6, 3, 1, 2, 2), undefined, ones),
        'conv3d: weight should be [out, 2, kt, kh, kw], but is [6, 3, 1, 2, 2].',
      ],
      [
        () => conv3d(video, words(6, 2, 1, 2, 2), undefined, ones),
        'conv3d: weight should be of type f32, but is u32.',
      ],
      [() => conv3d(video, weight, floats(5), ones), 'conv3d: bias should be [6], but is [5].'],
    ]);
  });
});
