import { defineConfig } from 'vitest/config';

// Real browsers on two cores: one file at a time, tests in order, a failure ends the story.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.test.ts'],
    fileParallelism: false,
    sequence: { concurrent: false },
    testTimeout: 150_000,
    hookTimeout: 120_000,
    bail: 1,
  },
});
