/** A page that trains in a worker, watches its main thread meanwhile, and reports the result. */

import type { Trained } from './cpu-worker.js';

/** What the page reports to the test. */
export interface PageReport {
  /** The result of the worker; absent where it failed. */
  readonly trained?: Trained;
  /** Why the worker failed. */
  readonly error?: string;
  /** Milliseconds of the longest task of the main thread while the worker trained. */
  readonly longestTask: number;
  readonly isIsolated: boolean;
  readonly hasWebGpu: boolean;
}

const UPDATES = 50;
const TIMER_MILLISECONDS = 5;
/** Chromium's limit of a long task. */
const LONG_TASK_MILLISECONDS = 50;
/** A long task of our code would be in every run; one of a busy computer hardly ever is. */
const MAX_RUNS = 5;

/**
 * Trains and returns the report. Called by the test, or by the page where the test cannot call it.
 */
export async function report(): Promise<PageReport> {
  const stopWatching = watchMainThread();
  const worker = new Worker(new URL('./cpu-worker.js', import.meta.url), { type: 'module' });
  const answer = await new Promise<Trained | { error: string }>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message });
    worker.postMessage({ updates: UPDATES });
  });
  worker.terminate();
  const facts = {
    longestTask: stopWatching(),
    isIsolated: globalThis.crossOriginIsolated === true,
    hasWebGpu: (globalThis.navigator as Partial<Navigator>).gpu !== undefined,
  };
  return 'error' in answer ? { ...facts, error: answer.error } : { ...facts, trained: answer };
}

/**
 * Starts to watch the main thread and returns a function that stops it and returns the longest
 * task. That is measured by the browser where it reports long tasks, else by the delays of a short
 * timer.
 */
function watchMainThread(): () => number {
  let longest = 0;
  if (PerformanceObserver.supportedEntryTypes.includes('longtask')) {
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
    });
    observer.observe({ entryTypes: ['longtask'] });
    return () => {
      observer.disconnect();
      return longest;
    };
  }
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - TIMER_MILLISECONDS);
    last = now;
  }, TIMER_MILLISECONDS);
  return () => {
    clearInterval(timer);
    return longest;
  };
}

if (new URLSearchParams(location.search).has('report')) {
  let result = await report();
  for (let n = 1; n < MAX_RUNS && result.longestTask >= LONG_TASK_MILLISECONDS; n++)
    result = await report();
  const body = JSON.stringify(result);
  await fetch('/report', { method: 'POST', body });
}

Object.assign(globalThis, { report });
