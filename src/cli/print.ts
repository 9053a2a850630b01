/**
 * Writes to standard output; resolves when all of it is out, which with a pipe can be long after the call. Output that
 * nobody reads any more (`ringmaster … | head`) is no error.
 */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: NodeJS.ErrnoException | null) => {
      process.stdout.off('error', settle);
      if (error && error.code !== 'EPIPE') reject(error);
      else resolve();
    };
    process.stdout.once('error', settle);
    process.stdout.write(text, settle);
  });
}
