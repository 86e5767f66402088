/** A page with a file input, whose worker runs actions on the chosen files. */

const input = document.createElement('input');
input.type = 'file';
input.multiple = true;
document.body.append(input);

const worker = new Worker(new URL('./lab-worker.js', import.meta.url), { type: 'module' });

/** Runs an action of the worker with the chosen files and further arguments. */
function act(name: string, ...args: unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) =>
      'error' in data ? reject(new Error(data.error)) : resolve(data.value);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ name, args: [[...input.files!], ...args] });
  });
}

Object.assign(globalThis, { act });
