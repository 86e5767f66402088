/**
 * Starts a clock of the processor's own time, which a busy computer does not make longer.
 *
 * @returns seconds of this process, of all its threads, since the call
 */
export function startProcessorClock(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
}
