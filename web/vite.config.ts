import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const client = fileURLToPath(new URL("./client", import.meta.url));

// The server that `npm run dev` talks to; the built pages are served by the binary itself.
const backend = process.env["COLLOQUY_BACKEND"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: [
      { find: /^@client$/, replacement: `${client}/index.ts` },
      { find: /^@client\//, replacement: `${client}/` },
    ],
  },
  build: {
    outDir: "dist",
    target: "es2022",
    // Browsers that know light-dark(): translating it would lose the colours behind variables.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // One chunk: a page that is open during an upgrade never asks for a file that is gone.
    chunkSizeWarningLimit: 900,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": backend,
      "/objects": backend,
      "/rtc": { target: backend, ws: true },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["client/**/*.test.ts", "src/**/*.test.{ts,tsx}", "e2e/tests/*.test.ts"],
    restoreMocks: true,
  },
});
