let isHeard = false;

/**
 * Writes to standard output; resolves when all of it is out, which with a pipe can be long after the call. Output that
 * nobody reads any more (`ringmaster … | head`) is no error.
 */
export function print(text: string): Promise<void> {
  // The callback of the write is told of an error first, then whoever listens: without anybody the process would end.
  if (!isHeard) process.stdout.on('error', () => {});
  isHeard = true;
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error?: NodeJS.ErrnoException | null) => {
      if (error && error.code !== 'EPIPE') reject(error);
      else resolve();
    });
  });
}
