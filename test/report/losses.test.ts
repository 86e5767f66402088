import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { lossFigures } from '../../src/report/losses.js';
import { FULL_WIDTH } from '../../src/report/theme.js';
import { isReportFigure } from '../../src/train/run-records.js';
import { drawnTexts, drawnWidth } from '../helpers/figures.js';

const variables = {
  speed: { dt: 0.05, predict: true, objective: 'regression' },
  choice: { dt: 0.05, predict: true, objective: 'classification' },
};
const { config } = parseConfig({
  loss: { mu: 0.5, variables: { speed: 4 } },
  modalities: { behavior: { n_layers: 0, window: 0.05, variables } },
});
const line = (kind: 'train' | 'validation', step: number, losses: Record<string, number>) => ({
  kind,
  step,
  losses,
});

describe('the figures of losses', () => {
  const metrics = [
    line('train', 10, { id: 1, time: 0.5, speed: 2, choice: 0.7, loss: 4.2 }),
    line('train', 20, { id: 0.9, time: 0.4, speed: 1.6, choice: 0.6, loss: 3.5 }),
    line('validation', 20, { id: 0.8, time: 0.45, speed: 1.8, choice: 0.65, loss: 3.7 }),
  ];

  it('have the losses of spikes apart from those of decoded variables, without their weights', async () => {
    const [spikes, decoding, ...others] = await lossFigures(metrics, config, 20);
    expect(others).toEqual([]);
    expect(spikes!.csv.trim().split('\n')).toEqual([
      'update,windows,loss,value,unit',
      '10,training,next neuron,2,nats per token',
      '20,training,next neuron,1.8,nats per token',
      '20,validation,next neuron,1.6,nats per token',
      '10,training,its time,1,nats per token',
      '20,training,its time,0.8,nats per token',
      '20,validation,its time,0.9,nats per token',
    ]);
    expect(decoding!.csv).toContain('10,training,speed,0.5,mean squared error\n');
    expect(decoding!.csv).toContain('20,validation,choice,0.65,nats per window\n');
    for (const figure of [spikes!, decoding!]) {
      expect(isReportFigure(figure.name), figure.name).toBe(true);
      expect(drawnWidth(figure)).toBeLessThanOrEqual(FULL_WIDTH);
    }
  });

  it('have a second axis in bits beside nats, and none beside squared errors', async () => {
    const [spikes, decoding] = await lossFigures(metrics, config, 20);
    const axes = (figure: typeof spikes) =>
      drawnTexts(figure!).filter((text) => /nats|bits|squared/.test(text));
    expect(axes(spikes)).toEqual([
      'nats per token',
      'bits per token',
      'nats per token',
      'bits per token',
    ]);
    expect(axes(decoding)).toEqual(['mean squared error', 'nats per window', 'bits per window']);
  });

  it('say which weights were used, if that is known', async () => {
    expect((await lossFigures(metrics, config, 20))[0]!.caption).toContain('of update 20.');
    expect((await lossFigures(metrics, config, undefined))[0]!.caption).not.toContain('dashed');
  });

  it('are only those of losses that the run has', async () => {
    const figures = await lossFigures([line('train', 1, { speed: 4, loss: 4 })], config, 1);
    expect(figures.map(({ name }) => name)).toEqual(['losses-decoding']);
    expect(figures[0]!.csv).toBe(
      'update,windows,loss,value,unit\n1,training,speed,1,mean squared error\n',
    );
  });
});
