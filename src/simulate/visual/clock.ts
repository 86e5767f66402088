/** The clocks of a simulated visual recording: its frames, and the steps of its spikes. */

/** Seconds per frame of the film, and per sample of behavior. */
export const FRAME_SECONDS = 0.05;
/** Steps of the spikes in a frame. */
export const STEPS_PER_FRAME = 10;
/** Seconds per step of the spikes. */
export const STEP_SECONDS = FRAME_SECONDS / STEPS_PER_FRAME;
/** Seconds at the beginning of a trial that no score counts. */
export const UNSCORED_SECONDS = 0.5;

/** The share that an exponential decay leaves after `seconds`, given its time constant. */
export function decay(seconds: number, timeConstant: number): number {
  return Math.exp(-seconds / timeConstant);
}
