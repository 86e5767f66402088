/** A page that trains in a worker and watches its own main thread; it tells the server what came of it. */

import type { Trained } from './cpu-worker.js';

/** What the page reports. */
export interface PageReport {
  readonly trained?: Trained;
  readonly error?: string;
  /** Milliseconds of the longest task of the page's main thread while the worker trained. */
  readonly longestTask: number;
  readonly isIsolated: boolean;
  readonly hasWebGpu: boolean;
}

const UPDATES = 50;
const TIMER = 5;
/** Chromium counts a task as long from here on. */
const LONG_TASK = 50;
/** What our code does, it does in each try; what a busy computer does, hardly. */
const TRIES = 5;

/** Trains, and returns what happened. Called by the test, or by the page itself where nobody can call it. */
export async function report(): Promise<PageReport> {
  const stopWatching = watchMainThread();
  const worker = new Worker(new URL('./cpu-worker.js', import.meta.url), { type: 'module' });
  const answer = await new Promise<Trained | { error: string }>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message });
    worker.postMessage({ updates: UPDATES });
  });
  worker.terminate();
  const seen = {
    longestTask: stopWatching(),
    isIsolated: globalThis.crossOriginIsolated === true,
    hasWebGpu: (globalThis.navigator as Partial<Navigator>).gpu !== undefined,
  };
  return 'error' in answer ? { ...seen, error: answer.error } : { ...seen, trained: answer };
}

/** Long tasks where the browser tells of them, else the longest time between two short timers. */
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
    longest = Math.max(longest, now - last - TIMER);
    last = now;
  }, TIMER);
  return () => {
    clearInterval(timer);
    return longest;
  };
}

if (new URLSearchParams(location.search).has('report')) {
  let told = await report();
  for (let n = 1; n < TRIES && told.longestTask >= LONG_TASK; n++) told = await report();
  const body = JSON.stringify(told);
  await fetch('/report', { method: 'POST', body });
}

Object.assign(globalThis, { report });
